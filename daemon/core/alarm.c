/* SPDX-License-Identifier: Apache-2.0 */
/* Event -> alarm: raised, repeated, restored.  One raised alarm per (device, point, class), however
 * often it is repeated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/classify.h"
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

static uint32_t
condition_bit(uint32_t condition)
{
	return UINT32_C(1) << condition;
}

static void
note_raised(struct fw_alarm *a, const struct fw_report *r, const struct fw_event *e)
{
	a->conditions |= condition_bit(e->condition);
	if (r->message->received_at_us > a->last_seen_us)
		a->last_seen_us = r->message->received_at_us;
	if (r->boot_id == a->raised_boot && r->sequence < a->raised_sequence)
		return;
	a->raised_boot = r->boot_id;
	a->raised_sequence = r->sequence;
}

static struct fw_alarm *
make(struct fw_core *core, struct fw_device *d, const struct fw_report *r, size_t event_index,
    const struct fw_judgement *j)
{
	const struct fw_event *e = &r->events[event_index];
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));
	char report[FW_ID_MAX], id[FW_ID_MAX + 24];

	fw_report_name(d, r, report);
	snprintf(id, sizeof(id), "%s~%zu", report, event_index);
	a->id = fw_strdup(id);
	a->device = d;
	a->point = e->point;
	a->class = j->class;
	a->system_type = e->system_type;
	a->component_type = e->component_type;
	a->mode = r->mode;
	a->backfill = r->backfill;
	a->observed_at_us = r->observed_at_us;
	a->received_at_us = r->message->received_at_us;
	a->report_count = 1;
	a->zone = fw_strdup(d->registration ? d->registration->zone : "");
	a->reason = fw_strdup(j->reason);
	a->text = fw_strdup(e->text);
	fw_alarm_index(core, a);
	return a;
}

/* The same alarm again: a new condition at its point, or one that was silent for long, is a new
 * cause. */
static void
repeat_alarm(struct fw_core *core, struct fw_alarm *a, const struct fw_report *r,
    const struct fw_event *e, int64_t now_us)
{
	int64_t received = r->message->received_at_us;
	bool silent = received - a->last_seen_us >= core->rules.realarm_after_us;
	bool new_cause = fw_class_is_emergency(a->class) &&
			 (silent || !(a->conditions & condition_bit(e->condition)));

	a->report_count++;
	note_raised(a, r, e);
	if (a->incident->closed &&
	    (new_cause || received - a->incident->closed_at_us >= core->rules.realarm_after_us)) {
		fw_incident_detach(core, a);
		fw_incident_attach(core, a, r, now_us);
		return;
	}
	if (new_cause && !a->incident->closed)
		fw_incident_again(core, a, now_us);
	fw_incident_confirm(core, a, now_us);
}

static void
raise_alarm(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    size_t event_index, const struct fw_judgement *j, int64_t now_us)
{
	const struct fw_event *e = &r->events[event_index];
	struct fw_alarm *a = fw_alarm_raised(core, d, e->point, j->class);

	if (!a) {
		a = make(core, d, r, event_index, j);
		note_raised(a, r, e);
		core->counters.alarms_opened++;
		fw_incident_attach(core, a, r, now_us);
	} else {
		repeat_alarm(core, a, r, e, now_us);
	}
	fw_alarm_mark(core, a);
}

static bool
is_older(const struct fw_alarm *a, const struct fw_report *r)
{
	if (r->boot_id == a->raised_boot)
		return r->sequence < a->raised_sequence;
	return r->backfill && r->observed_at_us < a->observed_at_us;
}

static void
end(struct fw_core *core, struct fw_alarm *a, const struct fw_report *r, const char *how,
    int64_t now_us)
{
	char key[FW_ID_MAX + 48];

	a->restored_at_us = r->message->received_at_us;
	fw_alarm_index(core, a);
	fw_alarm_mark(core, a);
	snprintf(key, sizeof(key), "restored:%s", a->id);
	fw_timeline(core, a->incident, now_us, key, "restored", a->device->id, "%s at point %u: %s",
	    fw_class_name(a->class), a->point, how);
	if (a->incident->closed)
		fw_incident_release(core, a->incident);
}

static bool
restore(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    const struct fw_event *e, const struct fw_judgement *j, int64_t now_us)
{
	struct fw_alarm *a = fw_alarm_raised(core, d, e->point, j->class);

	if (!a || is_older(a, r) || !(a->conditions & condition_bit(e->condition)))
		return false;
	if (a->conditions == condition_bit(e->condition)) {
		end(core, a, r, "restored", now_us);
		return true;
	}
	a->conditions &= ~condition_bit(e->condition);
	fw_alarm_mark(core, a);
	return true;
}

/* Point 0 stands for the whole device. */
static bool
reset(struct fw_core *core, struct fw_device *d, const struct fw_report *r, uint32_t point,
    int64_t now_us)
{
	struct fw_alarm *next;
	bool changed = false;

	for (struct fw_alarm *a = d->alarms; a; a = next) {
		next = a->device_next;
		if ((point != 0 && a->point != point) || is_older(a, r))
			continue;
		end(core, a, r, "the device was reset", now_us);
		changed = true;
	}
	return changed;
}

struct fw_judgement
fw_judge(
    const struct fw_core *core, const struct fw_device *d, const struct fw_event *e, int64_t now_us)
{
	return fw_classify(&(struct fw_subject){
	    .condition = e->condition,
	    .system_type = e->system_type,
	    .component_type = e->component_type,
	    .profile = fw_core_profile(core, d),
	    .level = fw_town_level_rules(core->town, fw_core_level(core, d, now_us)),
	});
}

bool
fw_alarm_event(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    size_t event_index, int64_t now_us)
{
	const struct fw_event *e = &r->events[event_index];
	struct fw_judgement j = fw_judge(core, d, e, now_us);

	switch (j.meaning) {
	case FW_MEANING_RESET:
		return e->active && reset(core, d, r, e->point, now_us);
	case FW_MEANING_ALARM:
		if (!e->active)
			return restore(core, d, r, e, &j, now_us);
		raise_alarm(core, d, r, event_index, &j, now_us);
		return true;
	}
	return false;
}
