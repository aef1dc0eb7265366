/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's conduct -> fault: what its reports give away beside what they say.  It began anew
 * without a word why, reports of it are missing, its clock is not to be believed.  Each fault ends
 * by itself.
 *
 * A report costs a few comparisons.  What needs time, a gap that is not filled, a fault that has
 * been quiet, is followed: a struct fw_follow for each, which few devices have.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define GAP_PATIENCE_US (10 * FW_MIN)
#define QUIET_US FW_DAY /* without another one, and the fault is over */
#define REASON_MINUTES 5
#define CLOCK_DOUBTS 3
#define AN_OLD_BOOT_US FW_MIN
#define WATCHED_MOST 1000 /* a tick */

/* Why a device may begin anew. */
#define REASONS                                                                      \
	(UINT32_C(1) << FW_CONDITION_RESET | UINT32_C(1) << FW_CONDITION_SELF_TEST | \
	    UINT32_C(1) << FW_CONDITION_MAINS_LOST | UINT32_C(1) << FW_CONDITION_BATTERY_LOW)

struct fw_follow {
	struct fw_deadline deadline; /* first */
	struct fw_device *device;
	enum fw_finding finding; /* REBOOT or GAPS */
};

static void
follow(struct fw_core *core, struct fw_device *d, enum fw_finding finding, int64_t at_us)
{
	struct fw_follow *w = fw_calloc(1, sizeof(*w));

	w->device = d;
	w->finding = finding;
	fw_deadline_set(&core->conduct_due, &w->deadline, at_us);
}

static struct fw_cause
cause_of(struct fw_device *d, enum fw_finding finding, const char *reason, int64_t at_us)
{
	return (struct fw_cause){
	    .device = d,
	    .bit = finding,
	    .judgement = {.class = FW_CLASS_FAULT,
		.severity = fw_class_severity(FW_CLASS_FAULT),
		.reason = reason,
		.source = "",
		.rule = "supervision"},
	    .text = "",
	    .data = "",
	    .observed_at_us = at_us,
	    .received_at_us = at_us,
	};
}

static const struct fw_alarm *
held_by(const struct fw_core *core, const struct fw_device *d, enum fw_finding finding)
{
	const struct fw_alarm *a = d->alarms ? fw_alarm_raised(core, d, 0, FW_CLASS_FAULT) : NULL;

	return a && fw_alarm_held_by(a, finding) ? a : NULL;
}

static bool
end(struct fw_core *core, struct fw_device *d, enum fw_finding finding, int64_t at_us,
    const char *how, int64_t now_us)
{
	struct fw_cause c = cause_of(d, finding, "", at_us);

	return d->alarms && fw_alarm_restore(core, &c, how, now_us);
}

/* ---------------------------------------------------------------- began anew */

/* From 1, so that 0 is long ago; round again after 45 days. */
static uint16_t
minute_of(int64_t at_us)
{
	return (uint16_t)(1 + at_us / FW_MIN % UINT16_MAX);
}

static bool
gives_reason(const struct fw_report *r)
{
	if (r->mode != FW_MODE_NORMAL)
		return true;
	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].condition < FW_CONDITIONS && REASONS >> r->events[i].condition & 1)
			return true;
	return false;
}

static bool
had_reason(const struct fw_device *d, int64_t at_us)
{
	for (const struct fw_alarm *a = d->alarms; a; a = a->device_next)
		if (a->conditions & REASONS)
			return true;
	return d->reason_minute &&
	       (uint16_t)(minute_of(at_us) - d->reason_minute) <= REASON_MINUTES;
}

static const struct fw_boot *
live_before(struct fw_device *d)
{
	const struct fw_boot *boot;

	for (size_t k = 1; (boot = fw_device_boot_at(d, k)); k++)
		if (boot->live)
			return boot;
	return NULL;
}

/* The first live report of its boot. */
static bool
note_boot(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	struct fw_device *d = r->device;
	const struct fw_boot *before = live_before(d);
	int64_t at_us = r->message->received_at_us;
	struct fw_cause c;
	bool known = held_by(core, d, FW_FINDING_REBOOT) != NULL;

	d->boot.live = true;
	if (!before || had_reason(d, at_us) ||
	    (d->seen && r->observed_at_us < d->last_observed_us - AN_OLD_BOOT_US))
		return false;
	c = cause_of(d, FW_FINDING_REBOOT, "began anew without a word why", at_us);
	c.observed_at_us = r->observed_at_us;
	c.id = c.name = fw_arena_printf(&core->arena, "%s~reboot~%u", d->id, r->boot_id);
	c.data =
	    fw_arena_printf(&core->arena, "boot %u behind boot %u", r->boot_id, before->boot_id);
	fw_alarm_raise(core, &c, now_us);
	if (!known)
		follow(core, d, FW_FINDING_REBOOT, at_us + QUIET_US);
	return true;
}

static void
follow_reboot(struct fw_core *core, struct fw_follow *w, int64_t until_us, int64_t now_us)
{
	const struct fw_alarm *a = held_by(core, w->device, FW_FINDING_REBOOT);

	if (a && a->last_seen_us + QUIET_US > until_us) {
		fw_deadline_set(&core->conduct_due, &w->deadline, a->last_seen_us + QUIET_US);
		return;
	}
	if (a)
		end(core, w->device, FW_FINDING_REBOOT, until_us, "not again for 24 h", now_us);
	free(w);
}

/* ---------------------------------------------------------------- missing */

/* What is missing at the beginning of a boot may have been before anybody listened: it is in the
 * ledger, but nobody's fault. */
static bool
counts(const struct fw_gaps *gaps, uint32_t i)
{
	return gaps->items[0].first != 1 ||
	       gaps->items[i].opened_at_us != gaps->items[0].opened_at_us;
}

struct missing {
	uint64_t count; /* for longer than the patience, and not for longer than a day */
	const struct fw_boot *boot;      /* one of theirs … */
	struct fw_gap first;             /* … and the first of them */
	const struct fw_boot *last_boot; /* of the one that was passed last … */
	struct fw_gap last;              /* … and it: no alarm before was called so */
	int64_t next_us;                 /* when the next will have been missing for so long */
	bool any;                        /* of any age */
};

static int64_t
over_at(const struct fw_gap *gap)
{
	return gap->opened_at_us + GAP_PATIENCE_US + QUIET_US;
}

static void
add_gap(struct missing *m, const struct fw_boot *boot, const struct fw_gap *gap, int64_t until_us)
{
	int64_t ripe_us = gap->opened_at_us + GAP_PATIENCE_US;

	m->any = true;
	if (ripe_us > until_us) {
		m->next_us = ripe_us < m->next_us ? ripe_us : m->next_us;
		return;
	}
	if (over_at(gap) <= until_us)
		return;
	if (!m->count) {
		m->boot = boot;
		m->first = *gap;
	}
	if (!m->count || gap->opened_at_us >= m->last.opened_at_us) {
		m->last_boot = boot;
		m->last = *gap;
	}
	m->count += gap->last - gap->first + 1;
}

static struct missing
find_missing(struct fw_device *d, int64_t until_us)
{
	struct missing m = {.next_us = FW_NEVER};
	const struct fw_boot *boot;

	for (size_t k = 0; (boot = fw_device_boot_at(d, k)); k++) {
		const struct fw_gaps *gaps = boot->received.gaps;

		for (uint32_t i = 0; gaps && i < gaps->count; i++)
			if (counts(gaps, i))
				add_gap(&m, boot, &gaps->items[i], until_us);
	}
	return m;
}

static void
raise_gaps(struct fw_core *core, struct fw_device *d, const struct missing *m, int64_t now_us)
{
	struct fw_cause c =
	    cause_of(d, FW_FINDING_GAPS, "reports of it are missing", m->first.opened_at_us);

	c.received_at_us = now_us;
	c.id = c.name = fw_arena_printf(&core->arena, "%s~gaps~%u~%llu", d->id,
	    m->last_boot->boot_id, (unsigned long long)m->last.first);
	c.data =
	    fw_arena_printf(&core->arena, "%llu missing for more than %s, first %llu of boot %u",
		(unsigned long long)m->count, fw_duration_text(core, GAP_PATIENCE_US),
		(unsigned long long)m->first.first, m->boot->boot_id);
	fw_alarm_raise(core, &c, now_us);
}

/* What has not come a day later will not. */
static void
follow_gaps(struct fw_core *core, struct fw_follow *w, int64_t until_us, int64_t now_us)
{
	struct fw_device *d = w->device;
	struct missing m = find_missing(d, until_us);
	int64_t over_us = m.count ? over_at(&m.last) : FW_NEVER;

	if (m.count && !held_by(core, d, FW_FINDING_GAPS))
		raise_gaps(core, d, &m, now_us);
	if (m.count || m.next_us != FW_NEVER) {
		fw_deadline_set(
		    &core->conduct_due, &w->deadline, over_us < m.next_us ? over_us : m.next_us);
		return;
	}
	end(core, d, FW_FINDING_GAPS, until_us,
	    m.any ? "no further report was missing for 24 h; what is will not come" : "all came",
	    now_us);
	d->gaps_followed = false;
	free(w);
}

/* Its boot has gaps, or had some. */
static bool
note_gaps(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	struct fw_device *d = r->device;
	const struct fw_gaps *gaps = d->boot.received.gaps;
	int64_t at_us = r->message->received_at_us;

	if (d->gaps_followed)
		return (gaps->count == 0 || !counts(gaps, gaps->count - 1)) &&
		       held_by(core, d, FW_FINDING_GAPS) && !find_missing(d, at_us).any &&
		       end(core, d, FW_FINDING_GAPS, at_us, "all came", now_us);
	if (gaps->count && gaps->items[gaps->count - 1].opened_at_us == at_us &&
	    counts(gaps, gaps->count - 1)) {
		d->gaps_followed = true;
		follow(core, d, FW_FINDING_GAPS, at_us + GAP_PATIENCE_US);
	}
	return false;
}

/* ---------------------------------------------------------------- its clock */

static bool
note_clock(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	struct fw_device *d = r->device;
	char text[FW_TIME_TEXT_MAX];
	struct fw_cause c;

	if (!r->clock_fault) {
		bool was = d->clock_doubts == CLOCK_DOUBTS;

		d->clock_doubts = 0;
		return was && end(core, d, FW_FINDING_CLOCK, r->message->received_at_us,
				  "its time is believed again", now_us);
	}
	if (d->clock_doubts == CLOCK_DOUBTS || ++d->clock_doubts < CLOCK_DOUBTS)
		return false;
	c = cause_of(
	    d, FW_FINDING_CLOCK, "its clock is not to be believed", r->message->received_at_us);
	c.id = c.name = fw_arena_printf(
	    &core->arena, "%s~clock~%u~%llu", d->id, r->boot_id, (unsigned long long)r->sequence);
	c.data = fw_arena_printf(&core->arena, "it said %s, the third time in a row that cannot be",
	    fw_time_text(r->device_time_us, text));
	fw_alarm_raise(core, &c, now_us);
	return true;
}

/* ---------------------------------------------------------------- all of it */

bool
fw_conduct_report(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	struct fw_device *d = r->device;
	bool changed = false;

	if (r->message->replay_id)
		return false;
	if ((r->event_count || r->mode != FW_MODE_NORMAL) && gives_reason(r))
		d->reason_minute = minute_of(r->message->received_at_us);
	if (d->boot.received.gaps)
		changed = note_gaps(core, r, now_us);
	if (r->backfill || r->message->received_at_us < d->last_seen_us)
		return changed;
	if (!d->boot.live)
		changed |= note_boot(core, r, now_us);
	if (r->clock_fault || (d->clock_doubts && r->device_time_us))
		changed |= note_clock(core, r, now_us);
	return changed;
}

void
fw_conduct_tick(struct fw_core *core, int64_t until_us, int64_t now_us)
{
	struct fw_deadline *deadline;

	for (int n = 0; n < WATCHED_MOST; n++) {
		deadline = fw_deadlines_pop(&core->conduct_due, until_us);
		if (!deadline)
			return;
		if (((struct fw_follow *)deadline)->finding == FW_FINDING_REBOOT)
			follow_reboot(core, (struct fw_follow *)deadline, until_us, now_us);
		else
			follow_gaps(core, (struct fw_follow *)deadline, until_us, now_us);
	}
}

void
fw_conduct_load_boot(struct fw_core *core, struct fw_device *d, struct fw_boot *boot)
{
	const struct fw_gaps *gaps = boot->received.gaps;

	boot->live = true;
	if (d->gaps_followed || !gaps || gaps->count == 0 || !counts(gaps, gaps->count - 1))
		return;
	d->gaps_followed = true;
	follow(
	    core, d, FW_FINDING_GAPS, gaps->items[gaps->count - 1].opened_at_us + GAP_PATIENCE_US);
}

void
fw_conduct_load_alarm(struct fw_core *core, const struct fw_alarm *a)
{
	struct fw_device *d = a->device;

	if (a->point != 0 || a->restored_at_us)
		return;
	if (fw_alarm_held_by(a, FW_FINDING_OFFLINE))
		d->offline = true;
	if (fw_alarm_held_by(a, FW_FINDING_CLOCK))
		d->clock_doubts = CLOCK_DOUBTS;
	if (fw_alarm_held_by(a, FW_FINDING_REBOOT))
		follow(core, d, FW_FINDING_REBOOT, a->last_seen_us + QUIET_US);
	if (fw_alarm_held_by(a, FW_FINDING_GAPS) && !d->gaps_followed) {
		d->gaps_followed = true;
		follow(core, d, FW_FINDING_GAPS, a->last_seen_us);
	}
}

void
fw_conduct_free(struct fw_core *core)
{
	struct fw_deadline *deadline;

	while ((deadline = fw_deadlines_pop(&core->conduct_due, FW_NEVER)))
		free(deadline);
	fw_deadlines_fini(&core->conduct_due);
}
