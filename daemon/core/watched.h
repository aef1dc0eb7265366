/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of readings, by threshold (a watch): one that is over and must last before it
 * is an alarm; what the value was within the window of a rate of change; and, where a report that
 * was sent before may still come, which reading was judged last.  A device that reports in order
 * and has nothing over has none.  Inside core/.
 */
#ifndef FW_CORE_WATCHED_H
#define FW_CORE_WATCHED_H

#include "core/state.h"

/* Watches of a device.  Where there is no room for one more nothing lasts before it is an alarm,
 * and no change is seen. */
#define FW_WATCHES_MAX 256

/* Which reading spoke last. */
struct fw_mark {
	int64_t at_us; /* when it was measured, at most when it was received */
	uint64_t sequence;
	uint32_t boot_id;
	bool known; /* the others hold */
	bool over;  /* it was over; else it was back */
	bool past;  /* sent from the device's memory */
};

/* A reading that is over, until it has lasted. */
struct fw_pending {
	struct fw_deadline deadline; /* first; it is raised then though nothing more comes */
	struct fw_watched *watch;
	char *name; /* of the first report that was over */
	double value, change;
	int64_t at_us; /* as in struct fw_mark */
	int64_t observed_at_us, received_at_us;
	int64_t due_at_us; /* when it has lasted, from its receipt */
	uint64_t sequence;
	uint32_t boot_id, mode;
	bool backfill;
	bool past; /* a later reading is known that was back */
};

#define FW_RATE_PARTS 8

/* The lowest value (of a fall the highest) of each part of the window, by absolute time. */
struct fw_rate {
	int64_t part_us; /* 0: nothing yet */
	int64_t part;    /* number of the newest one */
	int64_t newest_us;
	double newest;
	double reach[FW_RATE_PARTS]; /* by number; NaN: none */
};

struct fw_watched_key {
	const struct fw_device *device;
	uint32_t point;
	uint8_t quantity, class, below, is_change;
};

struct fw_watched {
	struct fw_watched_key key;
	struct fw_device *device;
	struct fw_mark last;
	struct fw_rate *rate;       /* of a change */
	struct fw_pending *pending; /* or NULL */
};

/* watched.c */
/* NULL: there is none; NULL: there is no room. */
struct fw_watched *fw_watched_find(const struct fw_core *core, const struct fw_device *d,
    uint32_t point, const struct fw_threshold *t);
struct fw_watched *fw_watched_make(
    struct fw_core *core, struct fw_device *d, uint32_t point, const struct fw_threshold *t);
void fw_watched_free(struct fw_core *core, struct fw_watched *w);
/* Takes over what stands in `first` but deadline, watch and due time; its name is copied. */
void fw_watched_begin(struct fw_core *core, struct fw_watched *w, const struct fw_pending *first,
    int64_t delay_us, bool past);
/* How it ended: "raised", "cleared", or "dropped" where its threshold is gone. */
void fw_watched_end(struct fw_core *core, struct fw_watched *w, const char *how);
/*
 * The change of the newest reading, against the lowest value (below: the highest) of the part of
 * the window that it lies in and the seven before: so over at least seven eighths of the window,
 * and never over more than all of it.
 */
double fw_watched_change(
    struct fw_watched *w, const struct fw_threshold *t, int64_t at_us, double value);

#define FW_SLOTS_MOST 32 /* thresholds of one quantity that are looked at */

/* passed.c */
/* Those of a quantity: the first, and how many. */
size_t fw_slots_of(
    const struct fw_profile *p, int32_t quantity, const struct fw_threshold *const **first);
/* The bit by which it holds an alarm, the class of that, and the alarm that it holds, or NULL. */
unsigned fw_slot_bit(const struct fw_threshold *t);
enum fw_class fw_slot_class(
    struct fw_core *core, const struct fw_device *d, const struct fw_threshold *t, int64_t at_us);
struct fw_alarm *fw_slot_alarm(const struct fw_core *core, const struct fw_device *d,
    uint32_t point, enum fw_class class, const struct fw_threshold *t);
bool fw_slot_is_over(const struct fw_threshold *t, double x);
/* A reading of the report as what a pending one begins with, but change and at_us; its name is in
 * the arena. */
struct fw_pending fw_slot_first(
    struct fw_core *core, struct fw_device *d, const struct fw_report *r, double value);
/* As the first report that was over has it; at the protection level of at_us. */
struct fw_cause fw_slot_cause(struct fw_core *core, struct fw_device *d, uint32_t point,
    const struct fw_threshold *t, const struct fw_pending *first, int64_t at_us);
/* A later reading was back already. */
void fw_slot_end(struct fw_core *core, const struct fw_cause *c, int64_t now_us);
/* What is pending has lasted, as of received_us at the latest. */
void fw_slot_fire(struct fw_core *core, struct fw_watched *w, const struct fw_threshold *t,
    int64_t received_us, int64_t now_us);

/* measure.c: in the arena */
/* "residual current 512 mA, at least 500 mA for 30 s" */
const char *fw_measure_over(
    struct fw_arena *arena, const struct fw_threshold *t, double value, double change);
/* "residual current 380 mA, back at 400 mA or under" */
const char *fw_measure_back(
    struct fw_arena *arena, const struct fw_threshold *t, double value, double change);
/* "threshold residual_current_ma of kind electrical_monitor, risk high" */
const char *fw_measure_rule(struct fw_arena *arena, const struct fw_threshold *t);

#endif
