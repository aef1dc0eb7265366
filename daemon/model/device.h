/* SPDX-License-Identifier: Apache-2.0 */
/* A device as the core knows it: who it is, which of its reports have come, and its alarms that are
 * raised. */
#ifndef FW_MODEL_DEVICE_H
#define FW_MODEL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seqset.h"
#include "model/report.h"
#include "model/town.h"

/* Boots of a device that are held in memory; the one longest unused gives way. */
#define FW_BOOTS_MAX 8

struct fw_alarm;

struct fw_boot {
	uint32_t boot_id;
	uint32_t used;             /* counts up with use, to find the one longest unused */
	bool dirty;                /* recorded has changed since it was written */
	struct fw_seqset received; /* taken in: refuses duplicates */
	struct fw_seqset recorded; /* committed: what receipts and the stored ledger speak of */
};

struct fw_device {
	char *id;
	const struct fw_registration *registration; /* NULL: not in the town */
	struct fw_boot *boots;
	uint8_t boot_count;
	bool registering; /* the row that registers it as unclaimed has been emitted */
	bool dirty;       /* on the core's list of devices to write */
	bool seen;        /* the fields below hold */
	bool clock_fault;
	bool has_health;
	bool mains_ok;
	uint8_t battery_percent;
	uint32_t mode;
	uint32_t last_boot_id;
	int32_t signal_dbm;
	int64_t last_seen_us, last_observed_us;
	char topic_division[FW_DIVISION_MAX +
			    1];  /* of the last topic it, or a child of it, came on */
	char firmware[40];       /* cut at a character */
	struct fw_alarm *alarms; /* raised ones; linked by device_next */
	struct fw_device *next_dirty;
};

/* Its division's code: its registration's, or the topic's while it has none. */
const char *fw_device_division(const struct fw_device *d);

/* Its site, or NULL while it is unclaimed. */
const struct fw_site *fw_device_site(const struct fw_device *d);

/* The boot, NULL when it is not held. */
struct fw_boot *fw_device_boot(struct fw_device *d, uint32_t boot_id);

/* The boot, made when it is not held; it is then the one used last. */
struct fw_boot *fw_device_boot_make(struct fw_device *d, uint32_t boot_id);

void fw_device_free(struct fw_device *d);

#endif
