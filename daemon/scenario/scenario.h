/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario as it is written (tests/simulator/SCENARIO.md), read and checked.  Pure: text in,
 * structs out. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define SIM_NONE SIZE_MAX /* no such device */

enum sim_clock_kind { SIM_CLOCK_OFFSET, SIM_CLOCK_SINCE, SIM_CLOCK_UNKNOWN };

struct sim_clock {
	enum sim_clock_kind kind;
	int64_t us; /* OFFSET: added to the right time; SINCE: what the clock showed when the
		       scenario began */
};

/* `N every D` */
struct sim_series {
	int64_t count;
	int64_t every_us;
};

struct sim_device_spec {
	char *name, *division;
	size_t gateway;    /* its place in devices, or SIM_NONE */
	int64_t boot;      /* -1: random */
	uint64_t sequence; /* the next one */
	struct sim_clock clock;
	int64_t heartbeat_us; /* 0: none */
	int64_t system, component, mode;
};

enum sim_part_kind { SIM_EVENT, SIM_READING, SIM_HEALTH };

/* One event, reading or health of a report. */
struct sim_part {
	enum sim_part_kind kind;
	int64_t number; /* condition or quantity */
	bool active;
	int64_t point;
	int64_t system, component; /* -1: the device's */
	char *text;                /* or NULL */
	double value;
	int64_t battery, signal, mains;
	char *firmware; /* or NULL */
};

enum sim_verb {
	SIM_REPORT,
	SIM_BOOT,
	SIM_SEQUENCE,
	SIM_LOSE,
	SIM_CLOCK,
	SIM_GARBAGE,
	SIM_RAW,
	SIM_FLOOD,
	/* Acts: what people and the world do, in virtual time only.  From here on … */
	SIM_ACKNOWLEDGE,
	SIM_VERIFY,
	SIM_CLOSE,
	SIM_WINDOW,     /* declare a test window */
	SIM_END_WINDOW, /* early */
	SIM_SENT,       /* what becomes of pages from then on */
	SIM_DATABASE,   /* it is there or away */
	SIM_BROKER,     /* likewise */
};

enum sim_garbage { SIM_GARBAGE_MIXED, SIM_GARBAGE_RANDOM, SIM_GARBAGE_TRUNCATED, SIM_GARBAGE_HUGE };

enum sim_lane { SIM_ALARM, SIM_TELEMETRY };

struct sim_action {
	unsigned line;
	int64_t at_us;
	enum sim_verb verb;
	size_t *devices, device_count; /* places in devices, in the order of the range */
	struct sim_part *parts;        /* REPORT */
	size_t part_count;
	struct sim_series repeat, backfill;
	int64_t spread_us, duplicate;
	int64_t pack;      /* reports in a message, at least 1 */
	int64_t lane;      /* enum sim_lane; -1: by content */
	int64_t mode;      /* -1: the device's */
	char *as;          /* claimed identity, or NULL */
	int64_t number;    /* BOOT (-1: random), LOSE, GARBAGE, FLOOD: how many */
	uint64_t sequence; /* SEQUENCE */
	struct sim_clock clock;
	enum sim_garbage garbage;
	int64_t bytes; /* of HUGE */
	char *topic;   /* RAW */
	uint8_t *payload;
	size_t payload_len;
	char *site;    /* ACKNOWLEDGE, VERIFY, CLOSE: or "device:" and an unclaimed device's name;
			  WINDOW, END_WINDOW: a site */
	char *verdict; /* VERIFY */
	char *zone, *device; /* WINDOW: NULL any */
	bool maintenance;    /* WINDOW: else a test */
	int64_t for_us;      /* WINDOW: how long */
	bool good;           /* SENT ok, DATABASE back, BROKER up */
	int64_t rate;        /* FLOOD: reports a second, 0: as fast as it goes */
};

struct sim_fault {
	unsigned line;
	char what[160];
};

struct sim_scenario {
	struct fw_arena arena; /* owns all text and arrays below but the three lists */
	struct sim_device_spec *devices;
	struct sim_action *actions; /* as written */
	struct sim_fault *faults;
	size_t device_count, device_cap, action_count, action_cap, fault_count, fault_cap;
	int64_t end_us; /* the latest time named */
};

/* FW_EFORMAT: faults says why, line by line.  To be freed in both cases. */
FW_MUST_CHECK int sim_scenario_read(struct sim_scenario *out, const char *text, size_t n);
void sim_scenario_free(struct sim_scenario *s);

/* An act: no device's doing. */
bool sim_action_is_act(const struct sim_action *a);

/* The contract's word for a number, without its prefix; NULL when it has none. */
const char *sim_condition_word(int64_t number);
const char *sim_quantity_word(int64_t number);

#endif
