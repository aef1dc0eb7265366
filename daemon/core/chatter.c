/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same alarm raised three times within a minute chatters (ISA-18.2).  From then on a restore is
 * held back until its point has been quiet for a minute, so that what it raises in between is a
 * repeat of the same alarm, not a new one; a fault of its own says that it chatters, until it has
 * been quiet for ten minutes.  Only what devices say chatters: thresholds have a delay and two
 * edges for that.  A raise still calls people as it would: nothing here hides a fire.
 *
 * For a new start all of it stands in rows: what is held back in the alarm's (restored_sequence
 * without restored_at, and last_seen_at), what chatters in the fault's, each class with its count;
 * its last_seen_at is the last word of all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define TIMES 3
#define WITHIN_US (60 * FW_S)
#define QUIET_US (60 * FW_S) /* a restore is held back for */
#define OVER_US (600 * FW_S)

struct fw_chatter {
	struct fw_deadline deadline; /* first */
	struct fw_alarm_key key;
	struct fw_device *device;
	int64_t raises_us[TIMES - 1]; /* that were restored soon after; the last ones */
	uint32_t raise_count;         /* of them */
	bool chatters;                /* then what follows holds */
	int64_t minute_us;            /* when the minute that is counted began */
	uint32_t in_minute, most_in_minute, raised;
};

static struct fw_alarm_key
key_of(const struct fw_device *d, uint32_t point, enum fw_class class)
{
	return (struct fw_alarm_key){.device = d, .point = point, .class = class};
}

static struct fw_chatter *
find(const struct fw_core *core, const struct fw_device *d, uint32_t point, enum fw_class class)
{
	struct fw_alarm_key key = key_of(d, point, class);

	if (fw_strmap_count(&core->chatters) == 0)
		return NULL;
	return fw_strmap_get(&core->chatters, (const char *)&key, sizeof(key));
}

static struct fw_chatter *
make(struct fw_core *core, struct fw_device *d, uint32_t point, enum fw_class class)
{
	struct fw_chatter *e = find(core, d, point, class);

	if (e)
		return e;
	e = fw_calloc(1, sizeof(*e));
	e->key = key_of(d, point, class);
	e->device = d;
	fw_strmap_put(&core->chatters, (const char *)&e->key, sizeof(e->key), e);
	return e;
}

static void
forget(struct fw_core *core, struct fw_chatter *e)
{
	fw_deadline_cancel(&core->chatters_due, &e->deadline);
	fw_strmap_remove(&core->chatters, (const char *)&e->key, sizeof(e->key));
	free(e);
}

void
fw_chatter_free(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	fw_deadlines_fini(&core->chatters_due);
	while (fw_strmap_next(&core->chatters, &cursor, &value))
		free(value);
	fw_strmap_fini(&core->chatters);
}

static struct fw_alarm *
alarm_of(const struct fw_core *core, const struct fw_chatter *e)
{
	return fw_alarm_raised(core, e->device, e->key.point, (enum fw_class)e->key.class);
}

/* ---------------------------------------------------------------- the fault that says so */

static struct fw_alarm *
fault_of(const struct fw_core *core, const struct fw_chatter *e)
{
	struct fw_alarm *a = fw_alarm_raised(core, e->device, e->key.point, FW_CLASS_FAULT);

	return a && fw_alarm_held_by(a, FW_FINDING_CHATTER) ? a : NULL;
}

static void
raise_fault(
    struct fw_core *core, const struct fw_chatter *e, const struct fw_cause *of, int64_t now_us)
{
	const char *class = fw_class_name((enum fw_class)e->key.class);
	struct fw_cause c = *of;

	c.bit = FW_FINDING_CHATTER;
	c.judgement = (struct fw_judgement){.class = FW_CLASS_FAULT,
	    .severity = fw_class_severity(FW_CLASS_FAULT),
	    .weight = FW_WEIGHT_NONE,
	    .reason =
		fw_arena_printf(&core->arena, "%s is raised and restored over and over", class),
	    .source = "ISA-18.2: the same alarm three times a minute",
	    .rule = "chatter"};
	c.id = fw_arena_printf(&core->arena, "%s~chatter~%s", of->id, class);
	c.text = "";
	c.data = "";
	c.sequence = 0;
	fw_alarm_raise(core, &c, now_us);
	core->counters.chatters++;
}

/* The last that is known of its point; 0: nothing any more. */
static int64_t
last_word(const struct fw_core *core, const struct fw_chatter *e)
{
	const struct fw_alarm *fault = fault_of(core, e);

	return fault ? fault->last_seen_us : 0;
}

/* "fire 3 times in 60 s (9 in all), tamper 5 times in 60 s (5 in all)"; in the arena. */
static const char *
data_of(struct fw_core *core, const struct fw_chatter *e)
{
	const char *text = "";

	for (int class = 0; class < FW_CLASSES; class ++) {
		const struct fw_chatter *of =
		    find(core, e->device, e->key.point, (enum fw_class) class);

		if (of && of->chatters)
			text = fw_arena_printf(&core->arena, "%s%s%s %u times in 60 s (%u in all)",
			    text, *text ? ", " : "", fw_class_name((enum fw_class) class),
			    of->most_in_minute, of->raised);
	}
	return text;
}

/* It was raised anew, or there is just a word of it. */
static void
note_in_fault(struct fw_core *core, const struct fw_chatter *e, int64_t at_us, bool raised)
{
	struct fw_alarm *a = fault_of(core, e);

	if (!a)
		return;
	if (at_us > a->last_seen_us)
		a->last_seen_us = at_us;
	if (raised) {
		free(a->data);
		a->data = fw_strdup(data_of(core, e));
	}
	fw_alarm_mark(core, a);
}

static bool
others_chatter(const struct fw_core *core, const struct fw_chatter *e)
{
	for (int class = 0; class < FW_CLASSES; class ++) {
		const struct fw_chatter *other =
		    find(core, e->device, e->key.point, (enum fw_class) class);

		if (other && other != e && other->chatters)
			return true;
	}
	return false;
}

static void
end(struct fw_core *core, struct fw_chatter *e, int64_t now_us)
{
	struct fw_cause c = {.device = e->device,
	    .point = e->key.point,
	    .bit = FW_FINDING_CHATTER,
	    .received_at_us = last_word(core, e) + OVER_US};

	e->chatters = false;
	if (!others_chatter(core, e))
		fw_alarm_restore(core, &c,
		    fw_arena_printf(&core->arena,
			"quiet for 10 min; it was raised %u times, at most %u in a minute",
			e->raised, e->most_in_minute),
		    now_us);
	forget(core, e);
}

/* ---------------------------------------------------------------- raised and restored */

static void
wait_on(struct fw_core *core, struct fw_chatter *e)
{
	const struct fw_alarm *a = alarm_of(core, e);

	fw_deadline_set(&core->chatters_due, &e->deadline,
	    a && a->held_back ? a->last_seen_us + QUIET_US : last_word(core, e) + OVER_US);
}

static void
touch(struct fw_core *core, struct fw_chatter *e, int64_t at_us, bool raised)
{
	note_in_fault(core, e, at_us, raised);
	wait_on(core, e);
}

/* What was due by then, in its order. */
static void
settle(struct fw_core *core, struct fw_chatter *e, int64_t at_us, int64_t now_us)
{
	struct fw_alarm *a = alarm_of(core, e);

	if (a && a->held_back && at_us - a->last_seen_us >= QUIET_US)
		fw_alarm_end_held_back(core, a, now_us);
	if (at_us - last_word(core, e) >= OVER_US)
		end(core, e, now_us);
	else
		wait_on(core, e);
}

void
fw_chatter_settle(struct fw_core *core, const struct fw_cause *c, int64_t now_us)
{
	if (fw_strmap_count(&core->chatters) == 0 || c->bit == FW_FINDING_CHATTER || c->backfill)
		return;
	for (int class = 0; class < FW_CLASSES; class ++) {
		struct fw_chatter *e = find(core, c->device, c->point, (enum fw_class) class);

		if (e && e->chatters)
			settle(core, e, c->received_at_us, now_us);
	}
}

static void
count_raise(struct fw_chatter *e, int64_t at_us)
{
	if (at_us - e->minute_us > WITHIN_US) {
		e->minute_us = at_us;
		e->in_minute = 0;
	}
	e->raised++;
	e->in_minute++;
	if (e->in_minute > e->most_in_minute)
		e->most_in_minute = e->in_minute;
}

static void
begin(struct fw_core *core, struct fw_chatter *e, const struct fw_cause *c, int64_t now_us)
{
	e->chatters = true;
	e->minute_us = e->raises_us[0];
	e->raised = e->in_minute = e->most_in_minute = TIMES;
	raise_fault(core, e, c, now_us);
	touch(core, e, c->received_at_us, true);
}

void
fw_chatter_raised(struct fw_core *core, const struct fw_cause *c, bool anew, int64_t now_us)
{
	struct fw_chatter *e = find(core, c->device, c->point, c->judgement.class);

	if (!e || c->bit >= FW_CONDITIONS || c->backfill)
		return;
	if (e->chatters) {
		if (anew)
			count_raise(e, c->received_at_us);
		touch(core, e, c->received_at_us, anew);
	} else if (anew && e->raise_count == TIMES - 1 &&
		   c->received_at_us - e->raises_us[0] <= WITHIN_US) {
		begin(core, e, c, now_us);
	}
}

/* It was raised for so short a time that it may be one of three in a minute. */
static void
note_short(struct fw_core *core, const struct fw_alarm *a)
{
	struct fw_chatter *e = make(core, a->device, a->point, a->class);
	uint32_t at;

	if (e->chatters)
		return;
	if (e->raise_count == TIMES - 1) {
		if (a->received_at_us < e->raises_us[0])
			return;
		e->raise_count--;
		memmove(e->raises_us, e->raises_us + 1, e->raise_count * sizeof(*e->raises_us));
	}
	for (at = e->raise_count++; at > 0 && e->raises_us[at - 1] > a->received_at_us; at--)
		e->raises_us[at] = e->raises_us[at - 1];
	e->raises_us[at] = a->received_at_us;
	fw_deadline_set(
	    &core->chatters_due, &e->deadline, e->raises_us[e->raise_count - 1] + WITHIN_US + 1);
}

void
fw_chatter_ended(struct fw_core *core, const struct fw_alarm *a)
{
	if (!(a->conditions & FW_WIRE_CONDITIONS) || a->was_reset || a->backfill ||
	    !a->restored_sequence || a->restored_at_us - a->received_at_us > WITHIN_US)
		return;
	note_short(core, a);
}

bool
fw_chatter_holds_back(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c)
{
	struct fw_chatter *e = find(core, a->device, a->point, a->class);

	if (!e || !e->chatters || c->bit >= FW_CONDITIONS || !c->sequence || c->backfill ||
	    c->judgement.meaning == FW_MEANING_RESET)
		return false;
	if (a->hold_count == 1) {
		a->held_back = true;
		a->restored_boot = c->boot_id;
		a->restored_sequence = c->sequence;
		if (c->received_at_us > a->last_seen_us)
			a->last_seen_us = c->received_at_us;
		fw_hazard_arm(core, a);
		fw_alarm_mark(core, a);
	}
	touch(core, e, c->received_at_us, false);
	return a->held_back;
}

void
fw_chatter_tick(struct fw_core *core, int64_t at_us, int64_t now_us)
{
	struct fw_deadline *d;

	while ((d = fw_deadlines_pop(&core->chatters_due, at_us))) {
		struct fw_chatter *e = (struct fw_chatter *)d;

		if (e->chatters)
			settle(core, e, at_us, now_us);
		else
			forget(core, e);
	}
}

/* ---------------------------------------------------------------- a new start */

static void
load_fault(struct fw_core *core, const struct fw_alarm *a)
{
	const char *at = a->data;
	char class[16];
	uint32_t most, all;

	while (at && sscanf(at, "%15[a-z_] %u times in 60 s (%u", class, &most, &all) == 3) {
		if (fw_class_of(class) != FW_CLASSES) {
			struct fw_chatter *e = make(core, a->device, a->point, fw_class_of(class));

			e->chatters = true;
			e->raised = all;
			e->most_in_minute = most;
			wait_on(core, e);
		}
		at = strstr(at, ", ");
		at = at ? at + strlen(", ") : NULL;
	}
}

void
fw_chatter_load(struct fw_core *core, struct fw_alarm *a)
{
	struct fw_chatter *e;

	if (a->restored_at_us) {
		fw_chatter_ended(core, a);
		return;
	}
	a->held_back = a->restored_sequence > 0;
	if (fw_alarm_held_by(a, FW_FINDING_CHATTER))
		load_fault(core, a);
	e = find(core, a->device, a->point, a->class);
	if (e && e->chatters)
		wait_on(core, e);
}
