/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarm -> incident.  The alarms of one site gather in one incident until a person closes it.
 * Decides what calls people anew (a trigger).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/state.h"

void
fw_incident_mark(struct fw_core *core, struct fw_incident *i)
{
	if (i->dirty)
		return;
	i->dirty = true;
	i->next_dirty = core->dirty_incidents;
	core->dirty_incidents = i;
}

void
fw_incident_flush(struct fw_core *core)
{
	while (core->dirty_incidents) {
		struct fw_incident *i = core->dirty_incidents;

		core->dirty_incidents = i->next_dirty;
		i->dirty = false;
		fw_emit(core, FW_ACT_INCIDENT)->u.incident = i;
		fw_incident_release(core, i);
	}
}

const char *
fw_incident_key(struct fw_core *core, const struct fw_device *d)
{
	const struct fw_site *site = fw_device_site(d);

	return site ? site->id : fw_arena_printf(&core->arena, "device:%s", d->id);
}

/* ---------------------------------------------------------------- alarms come and go */

void
fw_incident_detach(struct fw_core *core, struct fw_alarm *a)
{
	struct fw_incident *i = a->incident;

	fw_alarm_unlink(a);
	a->incident = NULL;
	fw_incident_release(core, i);
}

struct fw_incident *
fw_incident_new(struct fw_core *core, const char *id, const char *key, const char *division,
    const char *site, const struct fw_alarm *a, const struct fw_cause *c)
{
	struct fw_incident *i = fw_calloc(1, sizeof(*i));

	i->id = fw_strdup(id);
	i->key = fw_strdup(key);
	i->division = fw_strdup(division);
	i->site = fw_strdup(site);
	i->device = fw_strdup(a->device->id);
	i->class = a->class;
	i->outside_class = FW_CLASSES;
	i->severity = a->severity;
	i->opened_at_us = c->received_at_us;
	i->level = a->level;
	fw_strmap_put(&core->incidents, i->id, strlen(i->id), i);
	fw_strmap_put(&core->open_incidents, i->key, strlen(i->key), i);
	core->counters.incidents_opened++;
	return i;
}

static struct fw_incident *
open_incident(struct fw_core *core, struct fw_alarm *a, const char *key, const struct fw_cause *c,
    int64_t now_us)
{
	const struct fw_site *site = fw_device_site(a->device);
	struct fw_incident *i = fw_incident_new(
	    core, c->name, key, fw_device_division(a->device), site ? site->id : "", a, c);

	fw_timeline(core, i, now_us, "opened", "opened", a->device->id, "%s at %s",
	    fw_class_name(a->class), site ? site->name : "an unclaimed device");
	return i;
}

/* ---------------------------------------------------------------- what calls people */

/* What is raised in a test window has called nobody beyond the site: beside one that was not it
 * counts for nothing. */
static bool
counts_beside(const struct fw_alarm *b, const struct fw_alarm *a)
{
	return a->windowed || !b->windowed;
}

static bool
is_new_zone(const struct fw_incident *i, const struct fw_alarm *a)
{
	for (const struct fw_alarm *b = i->alarms; b; b = b->incident_next)
		if (b != a && b->class == a->class && counts_beside(b, a) &&
		    strcmp(b->zone, a->zone) == 0)
			return false;
	return true;
}

/* It was restored a moment ago and is raised again. */
static bool
chatters(const struct fw_core *core, const struct fw_alarm *a)
{
	const struct fw_alarm *before = fw_alarm_restored(core, a->device, a->point, a->class);

	return before && before->incident == a->incident && counts_beside(before, a) &&
	       a->received_at_us - before->last_seen_us <= core->rules.confirm_within_us;
}

/*
 * What a new alarm is to the people.  LOUD: they are called from the first step on.  QUIET: they
 * are being called already, but it is one thing more, which an answer under way has not seen.
 */
enum call { CALL_NONE, CALL_QUIET, CALL_LOUD };

static bool
is_open_for(const struct fw_incident *i, const struct fw_alarm *a)
{
	return a->windowed ? fw_incident_is_open(i) : fw_incident_is_open_outside(i);
}

/* Whoever was called may have taken it for over.  By the times of receipt, not by who is being
 * called still: read again, the same alarms call as often. */
static bool
was_called_long_ago(
    const struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a)
{
	return a->received_at_us - i->called_at_us >= core->rules.realarm_after_us;
}

/* `a` is linked and counted, the incident's class is still that of before. */
static enum call
judge_call(const struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a)
{
	bool emergency = fw_class_is_emergency(a->class);
	enum fw_class class = a->windowed ? i->class : i->outside_class;

	if (i->trigger_count == 0 || a->class < class)
		return CALL_LOUD;
	if (!is_open_for(i, a))
		return a->class <= class || emergency ? CALL_LOUD : CALL_NONE;
	if (!emergency || (chatters(core, a) && !was_called_long_ago(core, i, a)))
		return CALL_NONE;
	return is_new_zone(i, a) || !fw_escalate_is_pending(i, !a->windowed) ? CALL_LOUD
									     : CALL_QUIET;
}

static void
replace_text(char **text, const char *by)
{
	free(*text);
	*text = fw_strdup(by);
}

static void
note_cause(struct fw_incident *i, const struct fw_alarm *a)
{
	i->cause_class = a->class;
	replace_text(&i->cause_device, a->device->id);
	replace_text(&i->cause_zone, a->zone);
	replace_text(&i->cause_text, a->text);
	i->cause_observed_us = a->observed_at_us;
	i->cause_received_us = a->received_at_us;
	i->cause_test = a->mode == FW_MODE_TEST;
	i->cause_backfill = a->backfill;
}

static void
trigger(struct fw_core *core, struct fw_incident *i, const struct fw_alarm *a, bool quietly,
    int64_t now_us)
{
	char key[32];

	/* Pages beyond the site go on saying what they are sent for. */
	if (!a->windowed || !fw_incident_is_open_outside(i))
		note_cause(i, a);
	i->trigger_count++;
	if (a->last_seen_us > i->called_at_us)
		i->called_at_us = a->last_seen_us;
	if (!a->windowed) {
		i->outside_trigger = i->trigger_count;
		i->outside_at_us = now_us;
		if (a->class < i->outside_class)
			i->outside_class = a->class;
	}
	snprintf(key, sizeof(key), "trigger:%u", i->trigger_count);
	fw_timeline(core, i, now_us, key, "trigger", a->device->id, "%s: %s%s%s%s",
	    fw_class_name(a->class), a->reason,
	    a->mode == FW_MODE_TEST ? ", reported in test mode" : "",
	    a->backfill ? ", sent later from the device's memory" : "",
	    a->windowed ? ", in a test window: for the site's own people" : "");
	fw_escalate(core, i, (struct fw_manner){quietly, a->windowed}, now_us);
	if (!quietly && !a->windowed && i->class == FW_CLASS_FIRE &&
	    (i->confirmed_at_us || i->verdict == FW_VERDICT_REAL_FIRE))
		fw_escalate_all(core, i, now_us);
}

void
fw_incident_again(struct fw_core *core, struct fw_alarm *a, int64_t now_us)
{
	struct fw_incident *i = a->incident;

	if (is_open_for(i, a) && fw_escalate_is_pending(i, !a->windowed))
		return;
	trigger(core, i, a, false, now_us);
	fw_incident_mark(core, i);
}

static void
call_for(
    struct fw_core *core, struct fw_incident *i, struct fw_alarm *a, enum call call, int64_t now_us)
{
	if (call != CALL_NONE)
		trigger(core, i, a, call == CALL_QUIET, now_us);
	fw_incident_confirm(core, a, now_us);
}

void
fw_incident_call_area(struct fw_core *core, struct fw_alarm *a, const char *text, int64_t now_us)
{
	fw_incident_again(core, a, now_us);
	replace_text(&a->incident->cause_zone, "");
	replace_text(&a->incident->cause_text, text);
}

void
fw_incident_merged(struct fw_core *core, struct fw_incident *i, const char *into, int64_t now_us)
{
	i->merged_into = fw_strdup(into);
	i->closed = true;
	i->closed_at_us = now_us;
	i->closed_trigger = i->trigger_count;
	fw_incident_mark(core, i); /* first: with its last page it would be freed */
	fw_strmap_remove(&core->open_incidents, i->key, strlen(i->key));
	fw_escalate_cancel(core, i);
	fw_page_answered(core, i);
}

void
fw_incident_attach(
    struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us)
{
	const char *key = fw_incident_key(core, a->device);
	struct fw_incident *i;
	enum call call;
	char entry[FW_ID_MAX + 16];

	if (fw_area_take(core, a, c, now_us))
		return;
	i = fw_strmap_get(&core->open_incidents, key, strlen(key));
	if (!i)
		i = open_incident(core, a, key, c, now_us);
	else if (i->linked_alarms > i->prune_above)
		fw_incident_prune(core, i, a->last_seen_us - core->rules.confirm_within_us);
	if (i->confirmed_at_us || i->verdict == FW_VERDICT_REAL_FIRE)
		a->windowed = false; /* it is no test any more */
	fw_alarm_link(i, a);
	i->alarm_count++;
	fw_incident_mark(core, i);
	snprintf(entry, sizeof(entry), "alarm:%s", a->id);
	fw_timeline(core, i, now_us, entry, "alarm", a->device->id, "%s at point %u: %s%s%s",
	    fw_class_name(a->class), a->point, a->reason, *a->text ? ": " : "", a->text);
	call = judge_call(core, i, a);
	if (a->class < i->class)
		i->class = a->class;
	if (a->severity < i->severity)
		i->severity = a->severity;
	call_for(core, i, a, call, now_us);
}

void
fw_incident_let_out(struct fw_core *core, struct fw_alarm *a, int64_t at_us, int64_t now_us)
{
	struct fw_incident *i = a->incident;
	struct fw_cause c = {
	    .name = fw_arena_printf(&core->arena, "%s~again", a->id), .received_at_us = at_us};
	bool was_confirmed = i->confirmed_at_us != 0;
	enum call call;

	a->windowed = false;
	fw_alarm_recount(a);
	if (i->closed) {
		fw_incident_detach(core, a);
		fw_incident_attach(core, a, &c, now_us);
		fw_alarm_mark(core, a);
		return;
	}
	call = judge_call(core, i, a);
	/* Several that are let out together call once for each zone. */
	if (call == CALL_LOUD && i->outside_at_us == now_us && a->class >= i->outside_class &&
	    !is_new_zone(i, a))
		call = CALL_QUIET;
	call_for(core, i, a, call, now_us);
	if (!was_confirmed && i->confirmed_at_us) /* what came meanwhile was still a test */
		i->confirmed_at_us = at_us;
	fw_incident_mark(core, i);
}
