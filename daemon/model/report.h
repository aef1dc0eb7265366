/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device reported, decoded and checked.  Plain data; every pointer borrows from the arena or
 * the journal's map that it was decoded in and holds until the next message.
 */
#ifndef FW_MODEL_REPORT_H
#define FW_MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/names.h"

#define FW_DEVICE_MAX 64      /* bytes of a device's name (design: topics) */
#define FW_DIVISION_MAX 15    /* digits of a division's code */
#define FW_EVENT_TEXT_MAX 128 /* bytes (wire contract) */

/* A message as it came: one record of a lane's journal, or a quarantined message that is taken in
 * again. */
struct fw_message {
	enum fw_lane lane;
	uint64_t journal;  /* the journal's id; 0 when it is taken in again from quarantine */
	uint64_t position; /* in that journal */
	int64_t received_at_us;
	const char *topic;
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
	uint64_t original_len; /* larger than payload_len where the payload was cut */
	const char *replay_id; /* the quarantine_id when it is taken in again, else NULL */
	int32_t replay_index;  /* then: the report within its message that was refused; -1 the whole
				  message was */
};

struct fw_event {
	uint32_t point;
	uint32_t system_type;    /* GB/T 26875.3-2011 system type code */
	uint32_t component_type; /* GB/T 26875.3-2011 component type code */
	uint32_t condition;      /* enum fw_condition */
	bool active;
	const char *text;
};

struct fw_reading {
	uint32_t point;
	int32_t quantity; /* the wire contract's Quantity; unknown ones are kept */
	double value;
};

struct fw_health {
	uint32_t battery_percent; /* 0 unknown */
	int32_t signal_dbm;
	bool mains_ok;
	const char *firmware;
};

struct fw_device;

struct fw_report {
	const struct fw_message *message;
	uint32_t index;      /* within its message */
	const uint8_t *body; /* as the device encoded it */
	size_t body_len;
	const char *device_id; /* as sent; empty: the topic's */
	uint32_t boot_id;
	uint64_t sequence;
	int64_t device_time_us; /* as sent; 0 unknown */
	int64_t observed_at_us; /* device_time_us where it can be believed, else the receive time */
	bool clock_fault;       /* device_time_us was not believed */
	bool backfill;
	uint32_t mode; /* enum fw_mode; unknown ones are kept */
	const struct fw_event *events;
	size_t event_count;
	const struct fw_reading *readings;
	size_t reading_count;
	const struct fw_health *health; /* or NULL */
	struct fw_device *device;       /* who observed it; set by the pipeline */
	struct fw_device *via;          /* whose topic it came on */
};

#endif
