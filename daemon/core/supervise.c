/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silence -> alarm.  A device is offline when it has missed its heartbeats, and back with its next
 * message.
 *
 * Each supervised device has one deadline, in one heap, and a report does not touch it: when it
 * comes due, and the device has spoken since, it is set anew from then.  So a device costs a few
 * steps of the heap once in its timeout, however often it reports.  What needs a look at every
 * device, a new town or a protection level that begins or ends, is done in slices, a tick each.
 *
 * Behind a gateway that is offline nobody can be heard: its children are not judged until it is
 * back, and have their time again then.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"

/* Of one tick: the loop goes on to other things in between. */
#define LOOKED_AT_MOST 5000
#define RAISED_MOST 500
#define SWEPT_MOST 5000
/* Deadlines ahead are told to the second: with a million devices there is always one soon. */
#define GRAIN_US FW_S

/* How long a device may be silent. */
struct patience {
	int64_t heartbeat_us, timeout_us; /* timeout 0: it is not supervised */
	uint32_t missed, percent;
};

static struct fw_device *
device_of(struct fw_deadline *deadline)
{
	return (struct fw_device *)(void *)((char *)deadline - offsetof(struct fw_device, silence));
}

/* The division is one that this instance takes in; "": one that is not known is. */
static bool
is_taken_in(const struct fw_core *core, const char *division)
{
	const char *at = core->rules.divisions;
	size_t n = strlen(division);

	if (!at || *at == '*' || n == 0)
		return true;
	while ((at = strstr(at, division))) {
		if ((at == core->rules.divisions || at[-1] == ',' || at[-1] == ' ') &&
		    (at[n] == '\0' || at[n] == ',' || at[n] == ' '))
			return true;
		at += n;
	}
	return false;
}

static struct patience
patience_with(const struct fw_core *core, const struct fw_device *d, int64_t at_us)
{
	const struct fw_registration *r = d->registration;
	struct patience p = {0};
	int64_t heartbeat_s;

	if (!r)
		return p;
	heartbeat_s = fw_heartbeat_of(r);
	if (heartbeat_s == 0 || !fw_is_served(core, d))
		return p;
	p.heartbeat_us = heartbeat_s * FW_S;
	p.missed = r->profile->kind->missed;
	p.percent = fw_town_level_rules(core->town, fw_core_level(core, d, at_us))->timeout_percent;
	p.timeout_us = p.heartbeat_us * p.missed * p.percent / 100;
	return p;
}

/* When it was last heard of, or, never heard, since when it is known; 0: not yet. */
static int64_t
heard_at(const struct fw_device *d)
{
	return d->seen ? d->last_seen_us : d->last_observed_us;
}

static int64_t
due_at(const struct fw_core *core, const struct fw_device *d, const struct patience *p)
{
	return fw_hearing_passed(core, heard_at(d), p->timeout_us);
}

static void
look_at(struct fw_core *core, struct fw_device *d, int64_t at_us)
{
	fw_deadline_set(&core->silence_due, &d->silence, at_us);
}

static struct fw_cause
cause_of(struct fw_device *d, int64_t at_us)
{
	return (struct fw_cause){
	    .device = d,
	    .bit = FW_FINDING_OFFLINE,
	    .judgement = {.class = FW_CLASS_OFFLINE,
		.severity = fw_class_severity(FW_CLASS_OFFLINE),
		.reason = "not heard of for too long",
		.source = "its heartbeat, as the town's data have it",
		.rule = "supervision"},
	    .text = "",
	    .data = "",
	    .observed_at_us = at_us,
	    .received_at_us = at_us,
	};
}

/* ---------------------------------------------------------------- in words */

static const char *
tell(struct fw_core *core, const struct fw_device *d, const struct patience *p, int64_t until_us)
{
	int64_t since = heard_at(d), deaf = fw_hearing_deaf(core, since, until_us);
	uint32_t children = d->registration->children;
	const char *text =
	    fw_arena_printf(&core->arena, "%s for %s; heartbeat %s, %u may be missed",
		d->seen ? "not heard of" : "never heard of, known",
		fw_duration_text(core, until_us - since), fw_duration_text(core, p->heartbeat_us),
		p->missed);

	if (p->percent != 100)
		text = fw_arena_printf(
		    &core->arena, "%s, %u %% of that at this protection level", text, p->percent);
	if (deaf >= FW_S)
		text = fw_arena_printf(&core->arena, "%s; for %s of it the centre could not hear",
		    text, fw_duration_text(core, deaf));
	if (children)
		text = fw_arena_printf(&core->arena, "%s; and %u %s behind it", text, children,
		    children == 1 ? "device" : "devices");
	return text;
}

/* ---------------------------------------------------------------- offline, and back */

static void
raise_offline(struct fw_core *core, struct fw_device *d, const struct patience *p, int64_t until_us,
    int64_t now_us)
{
	struct fw_cause c = cause_of(d, heard_at(d));

	c.received_at_us = now_us;
	c.id = fw_arena_printf(&core->arena, "%s~offline~%lld", d->id, (long long)c.observed_at_us);
	if (d->was_due)
		c.id = fw_arena_printf(&core->arena, "%s~%lld", c.id, (long long)now_us);
	c.name = c.id;
	c.data = tell(core, d, p, until_us);
	d->offline = true;
	fw_alarm_raise(core, &c, now_us);
}

static void
end_offline(
    struct fw_core *core, struct fw_device *d, int64_t at_us, const char *how, int64_t now_us)
{
	struct fw_cause c = cause_of(d, at_us);

	d->offline = false;
	d->was_due = false;
	fw_alarm_restore(core, &c, how, now_us);
}

static struct fw_device *
gateway_of(const struct fw_core *core, const struct fw_device *d)
{
	const char *parent = d->registration->parent;

	return *parent ? fw_idset_get(&core->devices, parent, strlen(parent)) : NULL;
}

static bool judge(struct fw_core *core, struct fw_device *d, int64_t until_us, int64_t now_us);

/* Looks again later, since it is about its gateway.  A gateway that has missed a heartbeat itself
 * is waited for, so that it is judged first. */
static bool
is_about_its_gateway(struct fw_core *core, struct fw_device *d, const struct patience *p,
    int64_t until_us, int64_t now_us)
{
	struct fw_device *g = gateway_of(core, d);
	struct patience with_g = {0};

	if (g)
		with_g = patience_with(core, g, until_us);
	if (!with_g.timeout_us)
		return false;
	if (fw_deadline_is_set(&g->silence) && g->silence.at_us <= until_us) {
		fw_deadline_cancel(&core->silence_due, &g->silence);
		judge(core, g, until_us, now_us);
	}
	if (g->offline || g->behind) {
		d->behind = true;
		look_at(core, d, until_us + p->heartbeat_us);
	} else if (d->behind) {
		d->behind = false;
		look_at(core, d, until_us + p->timeout_us);
	} else if (fw_hearing_passed(core, heard_at(g), with_g.heartbeat_us) < until_us) {
		int64_t due = due_at(core, g, &with_g);

		look_at(core, d, due > until_us ? due : until_us + FW_S);
	} else {
		return false;
	}
	return true;
}

/* Its deadline has come and is not set any more.  True: it is offline as of now. */
static bool
judge(struct fw_core *core, struct fw_device *d, int64_t until_us, int64_t now_us)
{
	struct patience p = patience_with(core, d, until_us);
	int64_t due;

	if (!p.timeout_us) {
		if (d->offline)
			end_offline(core, d, now_us,
			    d->registration ? "it is not supervised any more"
					    : "not in the town any more",
			    now_us);
		return false;
	}
	if (d->offline)
		return false;
	if (!heard_at(d))
		d->last_observed_us = until_us;
	due = due_at(core, d, &p);
	if (due > until_us) {
		d->behind = false;
		d->was_due = false;
		look_at(core, d, due);
		return false;
	}
	if (is_about_its_gateway(core, d, &p, until_us, now_us))
		return false;
	raise_offline(core, d, &p, until_us, now_us);
	return true;
}

/* Sets its deadline, or moves it to what has become earlier. */
static void
arm(struct fw_core *core, struct fw_device *d, int64_t until_us)
{
	struct patience p = patience_with(core, d, until_us);
	int64_t due = 0;

	if (p.timeout_us && d->offline)
		return;
	if (p.timeout_us) {
		if (!heard_at(d))
			d->last_observed_us = until_us;
		due = due_at(core, d, &p);
		/* Its silence may have been found before, when it was supervised too. */
		d->was_due |= !fw_deadline_is_set(&d->silence) && due <= until_us;
	} else if (!fw_deadline_is_set(&d->silence) && !d->offline) {
		return;
	}
	if (!fw_deadline_is_set(&d->silence) || due < d->silence.at_us)
		look_at(core, d, due);
}

static bool
is_back(struct fw_core *core, struct fw_device *d, int64_t at_us, int64_t now_us)
{
	const struct fw_alarm *a = fw_alarm_raised(core, d, 0, FW_CLASS_OFFLINE);

	/* Read again from the journal: heard before the silence that the alarm is about. */
	if (a && fw_alarm_held_by(a, FW_FINDING_OFFLINE) && at_us <= a->observed_at_us)
		return false;
	end_offline(core, d, at_us, "heard of again", now_us);
	arm(core, d, at_us);
	return true;
}

bool
fw_is_served(const struct fw_core *core, const struct fw_device *d)
{
	return is_taken_in(core, *d->topic_division ? d->topic_division : fw_device_division(d));
}

bool
fw_supervise_report(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	int64_t at_us = r->message->received_at_us;
	bool changed = false;

	if (r->message->replay_id)
		return false;
	if (r->device->offline)
		changed = is_back(core, r->device, at_us, now_us);
	if (r->via == r->device || r->via->last_seen_us >= at_us)
		return changed;
	/* A gateway that hands on is alive. */
	if (!r->via->seen)
		r->via->last_observed_us = at_us;
	r->via->seen = true;
	r->via->last_seen_us = at_us;
	fw_mark_device(core, r->via);
	if (r->via->offline)
		changed |= is_back(core, r->via, at_us, now_us);
	return changed;
}

/* ---------------------------------------------------------------- time, town and levels */

/* Some of the town's devices: those that are new get their deadline, and those that a level makes
 * due earlier a new one. */
static void
sweep(struct fw_core *core, int64_t until_us)
{
	const struct fw_registration *r = NULL;

	for (int n = 0; n < SWEPT_MOST; n++) {
		struct fw_device *d;

		r = fw_town_next_device(core->town, &core->swept);
		if (!r) {
			core->sweeping = false;
			return;
		}
		d = fw_idset_get(&core->devices, r->device, strlen(r->device));
		if (!d && fw_heartbeat_of(r))
			d = fw_core_device(core, r->device, "");
		if (d)
			arm(core, d, until_us);
	}
}

void
fw_supervise_tick(struct fw_core *core, int64_t now_us)
{
	int64_t until = fw_hearing_until(core);
	struct fw_deadline *deadline;
	int raised = 0;

	if (until <= 0)
		return;
	if (until >= core->next_level_us) {
		core->next_level_us = fw_town_next_level_us(core->town, until);
		core->sweeping = true;
		core->swept = 0;
	}
	if (core->sweeping)
		sweep(core, until);
	for (int n = 0; n < LOOKED_AT_MOST && raised < RAISED_MOST; n++) {
		deadline = fw_deadlines_pop(&core->silence_due, until);
		if (!deadline)
			break;
		raised += judge(core, device_of(deadline), until, now_us);
	}
	fw_conduct_tick(core, until, now_us);
}

int64_t
fw_supervise_next_us(const struct fw_core *core)
{
	int64_t until = fw_hearing_until(core), next = fw_deadlines_next_us(&core->silence_due),
		conduct = fw_deadlines_next_us(&core->conduct_due);

	if (until <= 0)
		return FW_NEVER;
	if (conduct < next)
		next = conduct;
	if (core->next_level_us < next)
		next = core->next_level_us;
	if (core->sweeping || next <= until)
		return core->last_now_us;
	if (next <= core->last_now_us || next > FW_NEVER - GRAIN_US)
		return FW_NEVER; /* it waits to be heard up to then, or for nothing */
	return (next + GRAIN_US - 1) / GRAIN_US * GRAIN_US;
}

void
fw_supervise_town(struct fw_core *core, struct fw_device *d)
{
	if (!d->registration && (d->offline || fw_deadline_is_set(&d->silence)))
		look_at(core, d, 0);
}

void
fw_supervise_shift(struct fw_core *core, int64_t by_us)
{
	size_t cursor = 0;
	void *value;

	fw_deadlines_shift(&core->silence_due, by_us);
	fw_deadlines_shift(&core->conduct_due, by_us);
	fw_hearing_shift(core, by_us);
	while (fw_idset_next(&core->devices, &cursor, &value)) {
		struct fw_device *d = value;
		struct fw_alarm *a =
		    d->offline ? fw_alarm_raised(core, d, 0, FW_CLASS_OFFLINE) : NULL;

		if (a)
			a->observed_at_us += by_us; /* since when it is silent: see is_back */
		if (d->seen)
			d->last_seen_us += by_us;
		else if (d->last_observed_us)
			d->last_observed_us += by_us;
	}
}
