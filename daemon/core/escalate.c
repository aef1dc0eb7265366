/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trigger -> steps -> people.  A trigger plans the lines of the policy; a step that comes due is
 * resolved to the people on duty at that moment, and each gets a page.  An emergency that finds
 * nobody by its policy pages whoever is on duty.  Inside a test window all this stays among the
 * site's own people.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define POLICY_MOST 64
#define PEOPLE_MOST 32
#define NOBODY_PAUSE_US (60 * FW_S)

static const char *
category_of(const struct fw_core *core, const struct fw_incident *i)
{
	const struct fw_site *site = fw_town_site(core->town, i->site);

	return site ? site->category : "";
}

static void
forget_step(struct fw_core *core, struct fw_step *s)
{
	struct fw_step **at = &s->incident->steps;

	fw_deadline_cancel(&core->steps_due, &s->deadline);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->next = core->dead_steps;
	core->dead_steps = s;
}

static void
emit_step(struct fw_core *core, struct fw_step *s)
{
	fw_emit(core, FW_ACT_STEP)->u.step = s;
}

static struct fw_step *
plan(struct fw_core *core, struct fw_incident *i, const struct fw_policy *line, int64_t due_at_us)
{
	struct fw_step *s = fw_calloc(1, sizeof(*s)), **last = &i->steps;

	s->incident = i;
	s->trigger = i->trigger_count;
	s->step = line->step;
	s->role = fw_strdup(line->role);
	s->channel = fw_strdup(line->channel);
	s->due_at_us = due_at_us;
	while (*last)
		last = &(*last)->next;
	*last = s;
	fw_deadline_set(&core->steps_due, &s->deadline, due_at_us);
	return s;
}

static bool
is_line(const struct fw_step *s, const struct fw_policy *line)
{
	return s->step == line->step && strcmp(s->role, line->role) == 0 &&
	       strcmp(s->channel, line->channel) == 0;
}

static struct fw_step *
find_step(struct fw_incident *i, uint32_t trigger, const struct fw_policy *line)
{
	for (struct fw_step *s = i->steps; s; s = s->next)
		if (s->trigger == trigger && is_line(s, line))
			return s;
	return NULL;
}

/* That of an earlier trigger; one for people beyond the site, which a test left as it was, before
 * one for the site alone. */
static struct fw_step *
find_before(struct fw_incident *i, const struct fw_policy *line)
{
	struct fw_step *found = NULL;

	for (struct fw_step *s = i->steps; s; s = s->next)
		if (s->trigger < i->trigger_count && is_line(s, line) &&
		    (!found || found->site_only > s->site_only ||
			(found->site_only == s->site_only && found->trigger < s->trigger)))
			found = s;
	return found;
}

/* ---------------------------------------------------------------- a step that is due */

static size_t
page_anyone(struct fw_core *core, struct fw_incident *i, const struct fw_step *s, uint32_t *rung,
    int64_t now_us)
{
	const struct fw_person *people[PEOPLE_MOST];
	const struct fw_division *where;
	size_t n, paged = 0;

	do {
		n = fw_town_anyone(core->town, i->site,
		    fw_town_division_near(core->town, i->division), now_us, rung, people,
		    PEOPLE_MOST, &where);
		for (size_t k = 0; k < n; k++) {
			if (fw_incident_has_failed(i, people[k]->id))
				continue;
			fw_page_make(core, i, s, people[k], now_us);
			paged++;
		}
	} while (n && !paged);
	if (!paged)
		core->counters.nobody++;
	return paged;
}

static void
tell_resolution(struct fw_core *core, const struct fw_step *s, size_t found, size_t instead,
    const struct fw_division *where, int64_t now_us)
{
	char key[FW_ID_MAX + 48];

	snprintf(key, sizeof(key), "step:%u:%d:%s:%s:%lld", s->trigger, s->step, s->role,
	    s->channel, (long long)s->due_at_us);
	if (found)
		fw_timeline(core, s->incident, now_us, key, "step", "firewatchd",
		    "step %d: %s by %s, %zu found in %s", s->step, s->role, s->channel, found,
		    where->name);
	else
		fw_timeline(core, s->incident, now_us, key, "step", "firewatchd",
		    "step %d: nobody is on duty as %s up to the top; %zu others on duty are paged instead",
		    s->step, s->role, instead);
}

/* An emergency for which nobody at all is on duty is tried again until somebody is. */
static void
try_later(struct fw_core *core, struct fw_step *s, int64_t now_us)
{
	s->due_at_us = now_us + NOBODY_PAUSE_US;
	fw_deadline_set(&core->steps_due, &s->deadline, s->due_at_us);
}

/* Nobody at the site is on duty as any role of the trigger's first steps, of which this is one. */
static bool
is_unheard_at_site(const struct fw_core *core, const struct fw_step *s, int64_t now_us)
{
	const struct fw_person *person;

	for (const struct fw_step *other = s->incident->steps; other; other = other->next)
		if (other->trigger == s->trigger &&
		    (other->step < s->step ||
			(other->step == s->step &&
			    fw_town_on_duty_at_site(
				core->town, s->incident->site, other->role, now_us, &person, 1))))
			return false;
	return true;
}

/* Inside a test window.  An emergency is told to somebody at the site, whatever their role. */
static void
do_step_at_site(struct fw_core *core, struct fw_step *s, int64_t now_us)
{
	struct fw_incident *i = s->incident;
	const struct fw_person *people[PEOPLE_MOST];
	char key[FW_ID_MAX + 48];
	size_t n =
	    fw_town_on_duty_at_site(core->town, i->site, s->role, now_us, people, PEOPLE_MOST);

	if (n == 0 && fw_class_is_emergency(i->class) && is_unheard_at_site(core, s, now_us))
		n = fw_town_on_duty_at_site(core->town, i->site, NULL, now_us, people, PEOPLE_MOST);
	fw_deadline_cancel(&core->steps_due, &s->deadline);
	for (size_t k = 0; k < n; k++)
		fw_page_make(core, i, s, people[k], now_us);
	snprintf(
	    key, sizeof(key), "step:%u:%d:%s:%s:site", s->trigger, s->step, s->role, s->channel);
	fw_timeline(core, i, now_us, key, "step", "firewatchd",
	    "step %d: %s by %s, %zu of the site's own people: in a test window", s->step, s->role,
	    s->channel, n);
	s->state = FW_STEP_DONE;
	emit_step(core, s);
}

/* Where what calls people beyond the site is of a lower class than what a test has raised. */
static enum fw_class
class_of_step(const struct fw_step *s)
{
	const struct fw_incident *i = s->incident;

	return s->force || i->outside_class == FW_CLASSES ? i->class : i->outside_class;
}

static void
do_step(struct fw_core *core, struct fw_step *s, int64_t now_us)
{
	struct fw_incident *i = s->incident;
	const struct fw_person *people[PEOPLE_MOST];
	const struct fw_division *where;
	uint32_t rung = 0;
	size_t instead = 0;
	size_t n =
	    fw_town_on_duty(core->town, i->site, fw_town_division_near(core->town, i->division),
		s->role, now_us, people, PEOPLE_MOST, &where);
	bool emergency = fw_class_is_emergency(class_of_step(s));

	fw_deadline_cancel(&core->steps_due, &s->deadline);
	for (size_t k = 0; k < n; k++)
		fw_page_make(core, i, s, people[k], now_us);
	if (n == 0 && emergency)
		instead = page_anyone(core, i, s, &rung, now_us);
	tell_resolution(core, s, n, instead, where, now_us);
	s->state = n == 0 && instead == 0 && emergency ? FW_STEP_QUEUED : FW_STEP_DONE;
	if (s->state == FW_STEP_QUEUED)
		try_later(core, s, now_us);
	emit_step(core, s);
}

void
fw_escalate_unreached(struct fw_core *core, int64_t now_us)
{
	while (core->unreached) {
		struct fw_incident *i = core->unreached;
		struct fw_step anyone = {.incident = i,
		    .trigger = i->unreached_trigger,
		    .role = "anyone",
		    .channel = "webhook",
		    .due_at_us = now_us};
		char key[48];
		size_t paged;

		core->unreached = i->next_unreached;
		i->unreached = false;
		core->counters.unreached++;
		paged = page_anyone(core, i, &anyone, &i->next_rung, now_us);
		snprintf(key, sizeof(key), "unreached:%u:%u", i->unreached_trigger, i->next_rung);
		fw_timeline(core, i, now_us, key, "unreached", "firewatchd",
		    "no page has reached anybody; %zu more on duty are paged", paged);
		fw_incident_release(core, i);
	}
}

void
fw_escalate_tick(struct fw_core *core, int64_t now_us)
{
	struct fw_deadline *d;

	while ((d = fw_deadlines_pop(&core->steps_due, now_us))) {
		struct fw_step *s = (struct fw_step *)d;

		if (s->site_only)
			do_step_at_site(core, s, now_us);
		else
			do_step(core, s, now_us);
	}
}

/* ---------------------------------------------------------------- planning */

/* The new plan has the same step. */
static bool
is_replaced(const struct fw_step *s)
{
	const struct fw_policy line = {.step = s->step, .role = s->role, .channel = s->channel};

	return find_step(s->incident, s->incident->trigger_count, &line) != NULL;
}

/* The queued steps of earlier triggers give way; a step that the new plan has too keeps the earlier
 * of both times.  A test takes nothing from those who are called beyond the site. */
static void
supersede(struct fw_core *core, struct fw_incident *i, bool inside)
{
	struct fw_step *next;

	for (struct fw_step *s = i->steps; s; s = next) {
		next = s->next;
		if (s->trigger == i->trigger_count ||
		    (inside && s->state == FW_STEP_QUEUED && !s->site_only && !is_replaced(s)))
			continue;
		if (s->state == FW_STEP_QUEUED) {
			s->state = FW_STEP_CANCELLED;
			emit_step(core, s);
		}
		forget_step(core, s);
	}
}

static int64_t
due_time(struct fw_incident *i, const struct fw_policy *line, int64_t now_us)
{
	const struct fw_step *before = find_before(i, line);
	int64_t due = now_us + line->after_us;

	return before && before->state == FW_STEP_QUEUED && before->due_at_us < due
		   ? before->due_at_us
		   : due;
}

/* Quietly, what was done for the trigger before counts as done for this one; what was done at the
 * site alone only for such a one.  Inside a window what is to be done beyond it stays so. */
static void
plan_line(struct fw_core *core, struct fw_incident *i, const struct fw_policy *line,
    struct fw_manner how, int64_t now_us)
{
	const struct fw_step *before = find_before(i, line);
	struct fw_step *s;

	if (find_step(i, i->trigger_count, line))
		return;
	s = plan(core, i, line, due_time(i, line, now_us));
	s->site_only =
	    how.inside && !(before && before->state == FW_STEP_QUEUED && !before->site_only);
	if (how.quietly && before && before->state != FW_STEP_QUEUED &&
	    (s->site_only || !before->site_only)) {
		s->state = before->state;
		fw_deadline_cancel(&core->steps_due, &s->deadline);
	}
	emit_step(core, s);
}

/* While a protection level is raised more people hear of what may burn. */
static void
plan_extra(struct fw_core *core, struct fw_incident *i, enum fw_class class, struct fw_manner how,
    int64_t now_us)
{
	struct fw_policy extra = {.step = 1,
	    .role = fw_town_level_rules(core->town, i->level)->extra_role,
	    .channel = "webhook"};

	if (*extra.role && class <= FW_CLASS_PRE_ALARM)
		plan_line(core, i, &extra, how, now_us);
}

/* The last trigger has been planned for. */
static bool
has_plan(const struct fw_incident *i)
{
	for (const struct fw_step *s = i->steps; s; s = s->next)
		if (s->trigger == i->trigger_count)
			return true;
	return false;
}

/* Once for each trigger: by which lines people are called. */
static void
tell_policy(struct fw_core *core, const struct fw_incident *i, enum fw_class of,
    const struct fw_policy *line, size_t count, int64_t now_us)
{
	const char *class = fw_class_name(of);
	char key[32];

	snprintf(key, sizeof(key), "policy:%u", i->trigger_count);
	if (line)
		fw_timeline(core, i, now_us, key, "policy", "firewatchd",
		    "policy for %s, category %s, level %s, of %zu %s; level in force: %s", class,
		    *line->category ? line->category : "any", *line->level ? line->level : "any",
		    count, count == 1 ? "line" : "lines", fw_level_name(i->level));
	else
		fw_timeline(core, i, now_us, key, "policy", "firewatchd",
		    "no policy for %s: %s; level in force: %s", class,
		    fw_class_is_emergency(of) ? "whoever is on duty nearest is called"
					      : "nobody is called",
		    fw_level_name(i->level));
}

static void
plan_lines(struct fw_core *core, struct fw_incident *i, enum fw_class class, struct fw_manner how,
    int64_t now_us)
{
	static const struct fw_policy anyone = {
	    .role = "anyone", .channel = "webhook", .category = "", .level = ""};
	const struct fw_policy *lines[POLICY_MOST];
	bool known = has_plan(i);
	size_t n = fw_town_policy(
	    core->town, class, category_of(core, i), fw_level_name(i->level), lines, POLICY_MOST);

	for (size_t k = 0; k < n; k++)
		plan_line(core, i, lines[k], how, now_us);
	if (n == 0 && fw_class_is_emergency(class))
		plan_line(core, i, &anyone, how, now_us);
	plan_extra(core, i, class, how, now_us);
	if (!known)
		tell_policy(core, i, class, n ? lines[0] : NULL, n, now_us);
}

bool
fw_escalate_is_pending(const struct fw_incident *i, bool outside)
{
	for (const struct fw_step *s = i->steps; s; s = s->next)
		if (s->state == FW_STEP_QUEUED && !(outside && s->site_only))
			return true;
	return false;
}

void
fw_escalate(struct fw_core *core, struct fw_incident *i, struct fw_manner how, int64_t now_us)
{
	if (!how.quietly && !how.inside) {
		i->next_rung = 0;
		fw_incident_forget_failed(i);
	}
	plan_lines(core, i, how.inside ? i->class : i->outside_class, how, now_us);
	supersede(core, i, how.inside);
	fw_escalate_tick(core, now_us);
}

void
fw_escalate_all(struct fw_core *core, struct fw_incident *i, int64_t now_us)
{
	i->outside_trigger = i->trigger_count;
	i->outside_class = i->class;
	for (struct fw_alarm *a = i->alarms; a; a = a->incident_next) {
		a->windowed = false; /* it is no test any more */
		fw_alarm_recount(a);
	}
	plan_lines(core, i, i->class, (struct fw_manner){0}, now_us);
	for (struct fw_step *s = i->steps; s; s = s->next) {
		if (s->state == FW_STEP_DONE && !s->site_only)
			continue;
		s->site_only = false;
		s->force = true;
		s->due_at_us = now_us;
		do_step(core, s, now_us);
	}
}

void
fw_escalate_cancel(struct fw_core *core, struct fw_incident *i)
{
	for (struct fw_step *s = i->steps; s; s = s->next) {
		if (s->state != FW_STEP_QUEUED)
			continue;
		fw_deadline_cancel(&core->steps_due, &s->deadline);
		s->state = FW_STEP_CANCELLED;
		emit_step(core, s);
	}
}

void
fw_escalate_answered(struct fw_core *core, struct fw_incident *i)
{
	for (struct fw_step *s = i->steps; s; s = s->next) {
		if (s->state != FW_STEP_QUEUED ||
		    (s->trigger > i->acknowledged_trigger && s->trigger > i->closed_trigger))
			continue;
		fw_deadline_cancel(&core->steps_due, &s->deadline);
		s->state = FW_STEP_CANCELLED;
	}
}
