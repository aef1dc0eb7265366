/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the town's data says a device, a reading and an hour mean: kinds of device, thresholds,
 * classifications of its own, protection levels, limits of hazards.  Row by row like the town, of
 * which it is a part; resolved once for all devices that have the same (profiles), so that a report
 * finds what is for it without a search.
 */
#ifndef FW_MODEL_RULEBOOK_H
#define FW_MODEL_RULEBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/names.h"

/* Heartbeats that a kind which is not in the book may miss. */
#define FW_MISSED 3

/* Any of a code, a point's type say. */
#define FW_ANY (-1)

struct fw_kind {
	const char *name;
	int32_t heartbeat_s; /* where the device's own row says none; 0: it is not supervised */
	uint32_t missed;     /* heartbeats, after which it is offline; at least 1 */
	bool mains;          /* an area's power loss takes it off the mains */
};

/* Which devices a row is for: "" any.  The most particular row counts: device, then site, then the
 * more of kind, category and risk, in that order of weight; of equals the town's own. */
struct fw_selector {
	const char *kind, *category, *risk, *site, *device;
	bool town; /* the town's own row, not one of the standard ones */
};

struct fw_threshold {
	struct fw_selector who;
	int32_t quantity;
	enum fw_class class; /* of the alarm that it raises */
	bool below;          /* raised below raise, cleared above clear; else the other way round */
	bool off;            /* no such threshold for these devices */
	double raise, clear; /* of the value; with window_us of its change within that time */
	int64_t delay_us;    /* for which it must last */
	int64_t window_us;   /* 0: of the value */
	const char *reason;  /* in words */
	const char *source;  /* standard and clause, or what else it is taken from; NULL: nothing */
};

/* Another meaning for a condition than the standard table's (core/classify.c). */
struct fw_override {
	uint32_t condition;                  /* enum fw_condition */
	int32_t component_type, system_type; /* FW_ANY */
	const char *kind, *category, *model; /* "" any */
	enum fw_class class;
	enum fw_severity severity;
	const char *reason;
};

/* What a protection level changes. */
struct fw_level {
	const char *name;
	uint32_t timeout_percent; /* of what a device may be silent */
	bool pre_alarm_is_alarm;
	const char *extra_role; /* who is paged too, with the first step; "" nobody */
};

/* How long something may last before it is a hazard. */
struct fw_hazard_limit {
	enum fw_class class;
	const char *kind, *category; /* "" any */
	int64_t limit_us;
	int64_t deadline_us; /* for its rectification, from then on */
	bool major;          /* its grade: 重大, else 一般 */
	const char *role;    /* who is responsible: whoever is on duty as this */
};

/* What all devices of the same kind, model, site category and risk share, and those of a site or a
 * device that has thresholds of its own. */
struct fw_profile {
	const struct fw_kind *kind; /* never NULL */
	const char *model, *category, *risk;
	uint32_t quantities; /* bit q: there are thresholds of quantity q */
	uint32_t threshold_count, override_count, limit_count;
	const struct fw_threshold *const *thresholds; /* those in force, by quantity */
	const struct fw_override *const *overrides;  /* that may apply, the most particular first */
	const struct fw_hazard_limit *const *limits; /* likewise */
};

struct fw_rulebook;

struct fw_rulebook *fw_rulebook_new(uint64_t hash_seed);
void fw_rulebook_free(struct fw_rulebook *book); /* NULL is allowed */

/* Rows, in any order, before the first profile.  Everything is copied.  Of two rows that are for
 * the same, the later one counts. */
void fw_rulebook_add_kind(struct fw_rulebook *book, const struct fw_kind *row);
void fw_rulebook_add_threshold(struct fw_rulebook *book, const struct fw_threshold *row);
void fw_rulebook_add_override(struct fw_rulebook *book, const struct fw_override *row);
void fw_rulebook_set_level(
    struct fw_rulebook *book, enum fw_level_id id, const struct fw_level *row);
void fw_rulebook_add_limit(struct fw_rulebook *book, const struct fw_hazard_limit *row);

/* The profile, made when it is the first of its like.  Never NULL; a kind that is not in the book
 * is one that is not supervised. */
const struct fw_profile *fw_rulebook_profile(struct fw_rulebook *book, const char *kind,
    const char *model, const char *category, const char *risk, const char *site,
    const char *device);

/* Until rows say otherwise each level changes nothing. */
const struct fw_level *fw_rulebook_level(const struct fw_rulebook *book, enum fw_level_id id);

#endif
