/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cause -> alarm: raised, repeated, restored.  One raised alarm per (device, point, class), however
 * often it is repeated and whatever holds it raised.  Events (event.c), readings (threshold.c) and
 * silence (supervise.c) come here alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/state.h"

void
fw_alarm_mark(struct fw_core *core, struct fw_alarm *a)
{
	if (a->dirty)
		return;
	a->dirty = true;
	a->next_dirty = core->dirty_alarms;
	core->dirty_alarms = a;
}

void
fw_alarm_flush(struct fw_core *core)
{
	while (core->dirty_alarms) {
		struct fw_alarm *a = core->dirty_alarms;

		core->dirty_alarms = a->next_dirty;
		a->dirty = false;
		fw_emit(core, FW_ACT_ALARM)->u.alarm = a;
		if (a->restored_at_us)
			fw_incident_release(core, a->incident);
	}
}

/* ---------------------------------------------------------------- raised */

/* A later report than this one has restored it. */
static bool
is_over(const struct fw_cause *c)
{
	return c->sequence && fw_device_is_over(c->device, c->point, UINT64_C(1) << c->bit,
				  c->boot_id, c->sequence);
}

static void
note_raised(struct fw_alarm *a, const struct fw_cause *c)
{
	fw_alarm_hold(a, (struct fw_hold){c->bit, c->boot_id, c->sequence, c->observed_at_us});
	if (!c->sequence || (c->boot_id == a->raised_boot && c->sequence < a->raised_sequence))
		return;
	a->raised_boot = c->boot_id;
	a->raised_sequence = c->sequence;
}

static const char *
rule_of(struct fw_core *core, const struct fw_cause *c)
{
	return *c->judgement.source ? fw_arena_printf(&core->arena, "%s (%s)", c->judgement.rule,
					  c->judgement.source)
				    : c->judgement.rule;
}

static struct fw_alarm *
make(struct fw_core *core, const struct fw_cause *c)
{
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));
	const struct fw_registration *registration = c->device->registration;

	a->id = fw_strdup(c->id);
	a->device = c->device;
	a->point = c->point;
	a->class = c->judgement.class;
	a->severity = c->judgement.severity;
	a->weight = c->judgement.weight;
	a->level = fw_core_level(core, c->device, c->received_at_us);
	a->system_type = c->system_type;
	a->component_type = c->component_type;
	a->mode = c->mode;
	a->backfill = c->backfill;
	a->observed_at_us = c->observed_at_us;
	a->received_at_us = c->received_at_us;
	a->last_seen_us = c->received_at_us;
	a->report_count = 1;
	a->zone = fw_strdup(registration ? registration->zone : "");
	a->windowed = fw_window_of(core, a->device, a->zone, a->received_at_us) != NULL;
	a->reason = fw_strdup(c->judgement.reason);
	a->rule = fw_strdup(rule_of(core, c));
	a->data = fw_strdup(c->data);
	a->text = fw_strdup(c->text);
	fw_alarm_index(core, a);
	fw_hazard_arm(core, a);
	return a;
}

/* A graver condition of its class tells how grave it is, and why, as long as it lasts. */
static void
note_graver(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c)
{
	if (c->judgement.severity >= a->severity)
		return;
	a->severity = c->judgement.severity;
	free(a->reason);
	a->reason = fw_strdup(c->judgement.reason);
	free(a->rule);
	a->rule = fw_strdup(rule_of(core, c));
	if (a->incident->closed || a->incident->severity <= a->severity)
		return;
	a->incident->severity = a->severity;
	fw_incident_mark(core, a->incident);
}

/* A new condition at its point, or one that was silent for long; or its restore was held back, but
 * people have heard of it, or have been told. */
static bool
is_new_cause(const struct fw_core *core, const struct fw_alarm *a, const struct fw_cause *c,
    bool new_bit, bool back)
{
	bool silent = c->received_at_us - a->last_seen_us >= core->rules.realarm_after_us;
	bool answered = a->windowed ? !fw_incident_is_open(a->incident)
				    : !fw_incident_is_open_outside(a->incident);

	return fw_class_is_emergency(a->class) && (silent || new_bit || (back && answered));
}

/* What it says of the alarm; back: it is raised still, though it was restored. */
static void
note_repeated(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, bool back)
{
	unsigned held_back = back ? a->holds[0].bit : c->bit;

	a->report_count += c->bit != FW_FINDING_CHATTER; /* no report says that */
	if (c->judgement.weight > a->weight) {
		a->weight = c->judgement.weight;
		fw_alarm_recount(a);
	}
	if (c->received_at_us > a->last_seen_us)
		a->last_seen_us = c->received_at_us;
	if (!is_over(c)) {
		note_raised(a, c);
		note_graver(core, a, c);
	}
	if (held_back != c->bit)
		fw_alarm_let_go(a, held_back);
	if (back) {
		a->held_back = false;
		a->restored_boot = 0;
		a->restored_sequence = 0;
		fw_hazard_arm(core, a);
	}
}

static void
repeat_alarm(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us)
{
	bool new_bit = !fw_alarm_held_by(a, c->bit);
	bool back = a->held_back && !is_over(c);
	bool new_cause = is_new_cause(core, a, c, new_bit, back);

	note_repeated(core, a, c, back);
	if (a->incident->closed && (new_cause || c->received_at_us - a->incident->closed_at_us >=
						     core->rules.realarm_after_us)) {
		fw_incident_detach(core, a);
		fw_incident_attach(core, a, c, now_us);
		return;
	}
	if (new_bit)
		fw_area_take(core, a, c, now_us);
	if (new_cause && !a->incident->closed)
		fw_incident_again(core, a, now_us);
	fw_incident_confirm(core, a, now_us);
}

/* ---------------------------------------------------------------- restored */

/* The bit was raised by a later report than the one that restores it. */
static bool
is_older(const struct fw_alarm *a, const struct fw_hold *hold, const struct fw_cause *c)
{
	if (!c->sequence || !hold->sequence)
		return false;
	if (c->boot_id == hold->boot_id)
		return c->sequence < hold->sequence;
	return c->backfill && c->observed_at_us < a->observed_at_us;
}

static void
end(struct fw_core *core, struct fw_alarm *a, int64_t at_us, const char *how, int64_t now_us)
{
	char key[FW_ID_MAX + 48];

	a->restored_at_us = at_us;
	a->held_back = false;
	fw_alarm_index(core, a);
	fw_hazard_restored(core, a, now_us);
	fw_alarm_mark(core, a);
	snprintf(key, sizeof(key), "restored:%s", a->id);
	if (a->incident->area)
		fw_area_restored(core, a->incident, now_us);
	else
		fw_timeline(core, a->incident, now_us, key, "restored", a->device->id,
		    "%s at point %u: %s", fw_class_name(a->class), a->point, how);
	if (a->incident->closed)
		fw_incident_release(core, a->incident);
}

static void
end_by(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, const char *how,
    int64_t now_us)
{
	a->was_reset = c->judgement.meaning == FW_MEANING_RESET;
	a->restored_boot = c->boot_id;
	a->restored_sequence = c->sequence;
	end(core, a, c->received_at_us, how, now_us);
	fw_chatter_ended(core, a);
}

void
fw_alarm_end_held_back(struct fw_core *core, struct fw_alarm *a, int64_t now_us)
{
	a->held_back = false;
	while (a->hold_count > 1)
		fw_alarm_let_go(a, a->holds[0].bit);
	fw_alarm_let_go(a, a->holds[0].bit);
	end(core, a, a->last_seen_us, "restored, and quiet for a minute since", now_us);
}

static void
take_off(struct fw_core *core, struct fw_alarm *a, unsigned bit, const struct fw_cause *c,
    const char *how, int64_t now_us)
{
	if (fw_chatter_holds_back(core, a, c))
		return;
	if (fw_alarm_let_go(a, bit))
		end_by(core, a, c, how, now_us);
	else
		fw_alarm_mark(core, a);
}

/* True: it has changed. */
static bool
let_go(struct fw_core *core, struct fw_alarm *a, unsigned bit, const struct fw_cause *c,
    const char *how, int64_t now_us)
{
	const struct fw_hold *hold = fw_alarm_held_by(a, bit);

	if (!hold || is_older(a, hold, c))
		return false;
	take_off(core, a, bit, c, how, now_us);
	return true;
}

bool
fw_alarm_restore_class(
    struct fw_core *core, const struct fw_cause *c, const char *how, int64_t now_us)
{
	struct fw_alarm *a = fw_alarm_raised(core, c->device, c->point, c->judgement.class);

	if (!a || !fw_alarm_held_by(a, c->bit))
		return false;
	take_off(core, a, c->bit, c, how, now_us);
	return true;
}

bool
fw_alarm_restore(struct fw_core *core, const struct fw_cause *c, const char *how, int64_t now_us)
{
	bool changed = false;

	fw_chatter_settle(core, c, now_us);
	if (c->sequence)
		fw_device_note_over(
		    c->device, c->point, UINT64_C(1) << c->bit, c->boot_id, c->sequence);
	/* Its class may have been another one when it was raised. */
	for (int class = 0; class < FW_CLASSES && c->device->alarms; class ++) {
		struct fw_alarm *a =
		    fw_alarm_raised(core, c->device, c->point, (enum fw_class) class);

		changed |= a && let_go(core, a, c->bit, c, how, now_us);
	}
	return changed;
}

/* What the device has said of it is over; what the centre finds itself is not. */
static bool
reset(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us)
{
	bool changed = false;

	for (unsigned bit = 0; bit < FW_CONDITIONS && !a->restored_at_us; bit++)
		changed |= let_go(core, a, bit, c, "the device was reset", now_us);
	return changed;
}

bool
fw_alarm_reset(struct fw_core *core, const struct fw_cause *c, int64_t now_us)
{
	struct fw_alarm *next;
	bool changed = false;

	fw_device_note_over(c->device, c->point, FW_WIRE_CONDITIONS, c->boot_id, c->sequence);
	for (struct fw_alarm *a = c->device->alarms; a; a = next) {
		next = a->device_next;
		if (c->point == 0 || a->point == c->point)
			changed |= reset(core, a, c, now_us);
	}
	return changed;
}

/* ---------------------------------------------------------------- both */

void
fw_alarm_raise(struct fw_core *core, const struct fw_cause *c, int64_t now_us)
{
	struct fw_alarm *a;

	fw_chatter_settle(core, c, now_us);
	a = fw_alarm_raised(core, c->device, c->point, c->judgement.class);
	if (a) {
		bool back = a->held_back;

		repeat_alarm(core, a, c, now_us);
		fw_alarm_mark(core, a);
		fw_chatter_raised(core, c, back && !a->held_back, now_us);
		return;
	}
	a = make(core, c);
	note_raised(a, c);
	core->counters.alarms_opened++;
	fw_flood_count(core, fw_device_division(c->device), c->received_at_us);
	fw_incident_attach(core, a, c, now_us);
	fw_alarm_mark(core, a);
	fw_chatter_raised(core, c, true, now_us);
	/* It is recorded, and calls people like any other. */
	if (is_over(c))
		end_by(core, a, c, "a later report has restored it already", now_us);
}
