/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page to one person, from its claim to its end; model/incident.h tells the states.  The claim is
 * written before the page is sent, so that an answer that was committed first stops it; only an
 * emergency does not wait for a database that is silent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/state.h"

static bool
can_be_sent(const struct fw_page *p)
{
	const struct fw_incident *i = p->incident;

	return !i->closed && (p->force || (p->trigger > i->acknowledged_trigger &&
					      p->trigger > i->closed_trigger));
}

static void
set_state(struct fw_core *core, struct fw_page *p, enum fw_page_state state, int64_t due_at_us)
{
	p->state = state;
	switch (state) {
	case FW_PAGE_WRITING:
		if (fw_class_is_emergency(p->incident->class))
			fw_deadline_set(&core->pages_due, &p->deadline, due_at_us);
		else
			fw_deadline_cancel(&core->pages_due, &p->deadline);
		break;
	case FW_PAGE_WAITING:
		p->due_at_us = due_at_us;
		fw_deadline_set(&core->pages_due, &p->deadline, due_at_us);
		break;
	case FW_PAGE_SENDING:
	case FW_PAGE_DELIVERED:
	case FW_PAGE_FAILED:
	case FW_PAGE_CANCELLED:
		fw_deadline_cancel(&core->pages_due, &p->deadline);
		break;
	}
}

static void
bury(struct fw_core *core, struct fw_page *p)
{
	struct fw_page **at = &p->incident->pages;

	fw_deadline_cancel(&core->pages_due, &p->deadline);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	fw_strmap_remove(&core->pages, p->id, strlen(p->id));
	p->next = core->dead_pages;
	core->dead_pages = p;
	fw_incident_release(core, p->incident);
}

static const char *
target_of(const struct fw_person *person, const char *channel)
{
	return strcmp(channel, "webhook") == 0 ? person->webhook : "";
}

void
fw_page_make(struct fw_core *core, struct fw_incident *i, const struct fw_step *s,
    const struct fw_person *person, int64_t now_us)
{
	struct fw_page *p;
	char id[FW_ID_MAX];
	int n = snprintf(
	    id, sizeof(id), "%s~%u~%d~%s~%s", i->id, s->trigger, s->step, person->id, s->channel);

	if (n < 0 || (size_t)n >= sizeof(id) || fw_strmap_get(&core->pages, id, (size_t)n))
		return;
	p = fw_calloc(1, sizeof(*p));
	p->incident = i;
	p->id = fw_strdup(id);
	p->trigger = s->trigger;
	p->step = s->step;
	p->role = fw_strdup(s->role);
	p->person = fw_strdup(person->id);
	p->person_name = fw_strdup(person->name);
	p->channel = fw_strdup(s->channel);
	p->target = fw_strdup(target_of(person, s->channel));
	p->force = s->force;
	p->site_only = s->site_only;
	p->force_claimed = s->force;
	p->attempts = 1;
	p->due_at_us = s->due_at_us;
	p->sent_at_us = now_us;
	p->next = i->pages;
	i->pages = p;
	fw_strmap_put(&core->pages, p->id, strlen(p->id), p);
	core->counters.pages++;
	set_state(core, p, FW_PAGE_WRITING, now_us + core->rules.uncommitted_us);
	fw_emit(core, FW_ACT_PAGE)->u.page = p;
}

/* Doubles with each attempt up to the longest; a quarter of it is spread by the page's name, so
 * that a crowd does not return at once. */
static int64_t
pause_before(const struct fw_core *core, const struct fw_page *p)
{
	int64_t pause = core->rules.retry_us;
	uint32_t spread = 2166136261u; /* FNV-1a */

	for (uint32_t k = 1; k < p->attempts && pause < core->rules.retry_max_us; k++)
		pause *= 2;
	if (pause > core->rules.retry_max_us)
		pause = core->rules.retry_max_us;
	for (const char *c = p->id; *c; c++)
		spread = (spread ^ (uint8_t)*c) * 16777619u;
	return pause - (int64_t)(spread % 1024) * pause / 4096;
}

static void
tell(struct fw_core *core, const struct fw_page *p, const char *kind, int64_t now_us)
{
	char key[FW_ID_MAX + 48];

	snprintf(key, sizeof(key), "page:%s:%u:%s", p->id, p->attempts, kind);
	fw_timeline(core, p->incident, now_us, key, kind, p->person,
	    "%s (%s) by %s, attempt %u%s%s%s", p->person_name, p->role, p->channel, p->attempts,
	    p->unclaimed ? ", sent before it could be recorded" : "", p->error ? ": " : "",
	    p->error ? p->error : "");
}

/* No page of this trigger has reached anybody or is going to. */
static void
note_failed(struct fw_core *core, struct fw_page *p)
{
	struct fw_incident *i = p->incident;

	if (!fw_class_is_emergency(i->class) || p->site_only || !can_be_sent(p) ||
	    i->delivered_trigger >= p->trigger || i->unreached)
		return;
	for (const struct fw_page *other = i->pages; other; other = other->next)
		if (other != p && other->trigger == p->trigger && !fw_page_is_over(other))
			return;
	i->unreached_trigger = p->trigger;
	i->unreached = true;
	i->next_unreached = core->unreached;
	core->unreached = i;
}

static void
finish(struct fw_core *core, struct fw_page *p, enum fw_page_state state, int64_t now_us)
{
	set_state(core, p, state, now_us);
	fw_emit(core, FW_ACT_RESULT)->u.page = p;
	switch (state) {
	case FW_PAGE_DELIVERED:
		tell(core, p, "page_delivered", now_us);
		if (p->trigger > p->incident->delivered_trigger)
			p->incident->delivered_trigger = p->trigger;
		break;
	case FW_PAGE_FAILED:
		tell(core, p, "page_failed", now_us);
		core->counters.pages_failed++;
		fw_incident_note_failed(p->incident, p->person);
		note_failed(core, p);
		break;
	case FW_PAGE_CANCELLED:
	case FW_PAGE_WRITING:
	case FW_PAGE_SENDING:
	case FW_PAGE_WAITING:
		break;
	}
	bury(core, p);
}

static void
send_page(struct fw_core *core, struct fw_page *p, int64_t now_us)
{
	char why[128];

	if (!*p->target) {
		snprintf(why, sizeof(why), "has no address for channel %.64s", p->channel);
		free(p->error);
		p->error = fw_strdup(why);
		finish(core, p, FW_PAGE_FAILED, now_us);
		return;
	}
	p->sent_at_us = now_us;
	set_state(core, p, FW_PAGE_SENDING, 0);
	fw_emit(core, FW_ACT_SEND)->u.page = p;
}

/* A forced page may have been cancelled by the answer that it is sent in spite of: its row is
 * written anew. */
static void
claim(struct fw_core *core, struct fw_page *p, int64_t now_us)
{
	p->force_claimed = p->force;
	p->unclaimed = false;
	p->sent_at_us = now_us;
	set_state(core, p, FW_PAGE_WRITING, now_us + core->rules.uncommitted_us);
	fw_emit(core, p->force ? FW_ACT_PAGE : FW_ACT_CLAIM)->u.page = p;
}

void
fw_page_tick(struct fw_core *core, int64_t now_us)
{
	struct fw_deadline *d;

	while ((d = fw_deadlines_pop(&core->pages_due, now_us))) {
		struct fw_page *p = (struct fw_page *)d;

		if (p->state == FW_PAGE_WRITING) {
			if (!can_be_sent(p))
				continue; /* the claim's answer ends it */
			p->unclaimed = true;
			send_page(core, p, now_us);
		} else if (!can_be_sent(p)) {
			finish(core, p, FW_PAGE_CANCELLED, now_us);
		} else {
			p->attempts++;
			claim(core, p, now_us);
		}
	}
}

/* Its step is not done after all: a verification may want it yet. */
static void
undo_step(const struct fw_page *p)
{
	for (struct fw_step *s = p->incident->steps; s; s = s->next)
		if (s->trigger == p->trigger && s->step == p->step && s->state == FW_STEP_DONE &&
		    strcmp(s->role, p->role) == 0 && strcmp(s->channel, p->channel) == 0)
			s->state = FW_STEP_CANCELLED;
}

static void
give_way(struct fw_core *core, struct fw_page *p)
{
	struct fw_incident *i = p->incident;

	undo_step(p);
	set_state(core, p, FW_PAGE_CANCELLED, 0);
	bury(core, p);
	/* The row knows an answer that has not been heard here. */
	if (fw_incident_is_open(i))
		fw_emit(core, FW_ACT_ASK)->u.incident = i;
}

void
fw_page_claimed(struct fw_core *core, struct fw_page *p, bool claimed, int64_t now_us)
{
	if (p->state != FW_PAGE_WRITING)
		return;
	if (!claimed && p->force && !p->force_claimed)
		claim(core, p, now_us);
	else if (!claimed)
		give_way(core, p);
	else if (!can_be_sent(p))
		finish(core, p, FW_PAGE_CANCELLED, now_us);
	else
		send_page(core, p, now_us);
}

void
fw_page_sent(struct fw_core *core, struct fw_page *p, const char *error, int64_t now_us)
{
	if (p->state != FW_PAGE_SENDING)
		return;
	free(p->error);
	p->error = error ? fw_strdup(error) : NULL;
	if (!error) {
		finish(core, p, FW_PAGE_DELIVERED, now_us);
	} else if (p->attempts >= core->rules.attempts) {
		finish(core, p, FW_PAGE_FAILED, now_us);
	} else if (!can_be_sent(p)) {
		finish(core, p, FW_PAGE_CANCELLED, now_us);
	} else {
		set_state(core, p, FW_PAGE_WAITING, now_us + pause_before(core, p));
		fw_emit(core, FW_ACT_RESULT)->u.page = p;
		tell(core, p, "page_attempt_failed", now_us);
	}
}

void
fw_page_answered(struct fw_core *core, struct fw_incident *i)
{
	struct fw_page *next;

	for (struct fw_page *p = i->pages; p; p = next) {
		next = p->next;
		if (p->state == FW_PAGE_WAITING && !can_be_sent(p))
			finish(core, p, FW_PAGE_CANCELLED, 0);
	}
}
