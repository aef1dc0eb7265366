/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual time: the next thing that is due, a moment of the scenario or a deadline of the core,
 * then everything that follows of it at once.  PostgreSQL, the channels and the broker are stood in
 * for by as much of them as the core can tell; people's acts are held to the rules of
 * sql/0003_functions.sql.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "cli/simulate.h"

#define SEED 1

/* A page's claim that waits for the commit. */
struct fw_claim {
	char *page, *incident;
	uint32_t trigger;
	bool force;
};

/* An incident as its committed row has it. */
struct fw_file {
	char *id, *key;
	char *merged_into; /* NULL: it is not part of another */
	uint32_t triggers, acknowledged, closed;
	enum fw_verdict verdict;
	int64_t closed_at_us;
	struct fw_file *older;
};

/* ---------------------------------------------------------------- what the core decides */

static void
keep_claim(struct fw_simulation *s, const struct fw_page *p)
{
	s->claims = fw_grow(s->claims, &s->claim_cap, s->claim_count + 1, sizeof(*s->claims));
	s->claims[s->claim_count++] = (struct fw_claim){.page = fw_strdup(p->id),
	    .incident = fw_strdup(p->incident->id),
	    .trigger = p->trigger,
	    .force = p->force};
}

static void
keep_text(char ***list, size_t *count, size_t *cap, const char *text)
{
	*list = fw_grow(*list, cap, *count + 1, sizeof(**list));
	(*list)[(*count)++] = fw_strdup(text);
}

static void
keep_item(struct fw_simulation *s, const struct fw_receipt_item *item)
{
	s->items = fw_grow(s->items, &s->item_cap, s->item_count + 1, sizeof(*s->items));
	s->items[s->item_count++] = *item;
}

static struct fw_file *
file_of(const struct fw_simulation *s, const char *incident_id)
{
	return fw_strmap_get(&s->incidents, incident_id, strlen(incident_id));
}

/* Rows of incidents come with the flush that a commit begins with. */
static void
keep_incident(struct fw_simulation *s, const struct fw_incident *i)
{
	struct fw_file *f = file_of(s, i->id);

	if (!f) {
		f = fw_calloc(1, sizeof(*f));
		f->id = fw_strdup(i->id);
		f->key = fw_strdup(i->key);
		f->older = s->newest;
		s->newest = f;
		fw_strmap_put(&s->incidents, f->id, strlen(f->id), f);
	}
	f->triggers = i->trigger_count;
	if (i->merged_into && !f->merged_into)
		f->merged_into = fw_strdup(i->merged_into);
}

static void
run_one(struct fw_simulation *s, const struct fw_action *a)
{
	fw_trace_action(&s->trace, a);
	switch (a->type) {
	case FW_ACT_REPORT:
	case FW_ACT_DUPLICATE:
	case FW_ACT_QUARANTINE:
		keep_item(s, &a->item);
		break;
	case FW_ACT_INCIDENT:
		keep_incident(s, a->u.incident);
		break;
	case FW_ACT_PAGE:
	case FW_ACT_CLAIM:
		keep_claim(s, a->u.page);
		break;
	case FW_ACT_SEND:
		keep_text(&s->sends, &s->send_count, &s->send_cap, a->u.page->id);
		break;
	case FW_ACT_ASK:
		keep_text(&s->asks, &s->ask_count, &s->ask_cap, a->u.incident->id);
		break;
	case FW_ACT_WINDOW:
		fw_declared_announced(&s->declared, a->u.window.window->id);
		break;
	case FW_ACT_REPLAYED:
	case FW_ACT_REGISTER:
	case FW_ACT_ALARM:
	case FW_ACT_STEP:
	case FW_ACT_RESULT:
	case FW_ACT_TIMELINE:
	case FW_ACT_FLOOD:
	case FW_ACT_HAZARD:
	case FW_ACT_WATCH:
	case FW_ACT_RECEIPT:
	case FW_ACT_STATUS:
	case FW_ACT_LEDGER:
	case FW_ACT_OUTAGE:
	case FW_ACT_LEDGER_MARK:
		break;
	}
}

static void
run(struct fw_simulation *s, struct fw_actions actions)
{
	for (size_t k = 0; k < actions.count; k++)
		run_one(s, &actions.items[k]);
}

/* ---------------------------------------------------------------- what follows of it */

static void
answer_claim(struct fw_simulation *s, const struct fw_claim *c)
{
	const struct fw_file *f = file_of(s, c->incident);
	bool answered =
	    f && (f->merged_into || c->trigger <= f->acknowledged || c->trigger <= f->closed);

	run(s, fw_core_claimed(s->core, c->page, c->force || !answered, s->now_us));
}

static void
hear_act(struct fw_simulation *s, const struct fw_file *f)
{
	struct fw_act act = {.incident_id = f->id,
	    .acknowledged_trigger = f->acknowledged,
	    .closed_trigger = f->closed,
	    .verdict = f->verdict,
	    .closed_at_us = f->closed_at_us};

	run(s, fw_core_acted(s->core, &act, s->now_us));
}

static void
answer_claims(struct fw_simulation *s)
{
	struct fw_claim *claims = s->claims;
	size_t count = s->claim_count;

	s->claims = NULL;
	s->claim_count = s->claim_cap = 0;
	for (size_t k = 0; k < count; k++) {
		answer_claim(s, &claims[k]);
		free(claims[k].page);
		free(claims[k].incident);
	}
	free(claims);
}

static void
answer_asks(struct fw_simulation *s)
{
	for (; s->ask_count > 0; free(s->asks[s->ask_count])) {
		const struct fw_file *f = file_of(s, s->asks[--s->ask_count]);

		if (f)
			hear_act(s, f);
	}
}

/* One transaction and what is heard of it; false: there was nothing to be written. */
static bool
commit(struct fw_simulation *s)
{
	struct fw_actions rows = fw_core_flush(s->core);
	bool any = rows.count > 0 || s->claim_count > 0 || s->item_count > 0 || s->ask_count > 0;

	run(s, rows);
	answer_claims(s);
	if (s->item_count > 0)
		run(s, fw_core_committed(s->core, s->items, s->item_count, s->now_us));
	s->item_count = 0;
	answer_asks(s);
	return any;
}

/* The pages under way; false: there were none. */
static bool
deliver(struct fw_simulation *s)
{
	char **sends = s->sends;
	size_t count = s->send_count;

	s->sends = NULL;
	s->send_count = s->send_cap = 0;
	for (size_t k = 0; k < count; k++) {
		run(s, fw_core_sent(s->core, sends[k],
			   s->pages_fail ? "the scenario lets it fail" : NULL, s->now_us));
		free(sends[k]);
	}
	free(sends);
	return count > 0;
}

static void
settle(struct fw_simulation *s)
{
	bool more;

	do {
		more = !s->database_away && commit(s);
		more = deliver(s) || more;
	} while (more);
}

/* ---------------------------------------------------------------- what people do */

static struct fw_file *
open_at(const struct fw_simulation *s, const char *key)
{
	for (struct fw_file *f = s->newest; f; f = f->older)
		if (strcmp(f->key, key) == 0 && f->closed < f->triggers)
			return f;
	return NULL;
}

/* Why it is refused, or NULL. */
static const char *
do_act(struct fw_simulation *s, const struct sim_action *a, struct fw_file *f)
{
	switch (a->verb) {
	case SIM_VERIFY:
		f->verdict = fw_verdict_of(a->verdict);
		/* fall through */
	case SIM_ACKNOWLEDGE:
		f->acknowledged = f->triggers;
		return NULL;
	case SIM_CLOSE:
		if (f->verdict == FW_VERDICT_NONE)
			return "it has no verdict yet";
		f->closed = f->triggers;
		f->closed_at_us = s->now_us;
		return NULL;
	default:
		return "nobody does that";
	}
}

static void
people(struct fw_simulation *s, const struct sim_action *a, const char *what)
{
	struct fw_file *f = open_at(s, a->site);
	const char *why;

	if (!s->database_away && f && f->merged_into) {
		fw_trace_line(&s->trace, "people cannot %s %s: it is part of %s", what, a->site,
		    f->merged_into);
		return;
	}
	why = s->database_away ? "the database is away"
	      : f              ? do_act(s, a, f)
			       : "it has no open incident";
	if (why) {
		fw_trace_line(&s->trace, "people cannot %s %s: %s", what, a->site, why);
		return;
	}
	fw_trace_line(&s->trace, "people %s %s%s%s: %s, triggers %" PRIu32, what, a->site,
	    a->verdict ? " as " : "", a->verdict ? a->verdict : "", f->id, f->triggers);
	hear_act(s, f);
}

static void
tell_window(struct fw_simulation *s, const struct sim_action *a, const struct fw_window *w)
{
	char until[FW_TIME_TEXT_MAX];

	fw_trace_line(&s->trace, "people %s the %s window %s of %s%s%s%s%s until +%s",
	    a->verb == SIM_WINDOW ? "declare" : "end", w->maintenance ? "maintenance" : "test",
	    w->id, w->site, *w->zone ? ", zone " : "", w->zone, *w->device ? ", device " : "",
	    w->device, fw_trace_time(w->ends_at_us - s->trace.start_us, until));
}

/* The daemon reads the windows when their table says so. */
static void
window(struct fw_simulation *s, const struct sim_action *a)
{
	const struct fw_window *w = NULL;
	const char *why =
	    s->database_away ? "the database is away"
	    : a->verb == SIM_WINDOW
		? fw_declared_add(&s->declared, fw_core_town(s->core), a, s->now_us, &w)
		: fw_declared_end(&s->declared, a->site, s->now_us, &w);

	if (why) {
		fw_trace_line(&s->trace, "people cannot %s a window of %s: %s",
		    a->verb == SIM_WINDOW ? "declare" : "end", a->site, why);
		return;
	}
	tell_window(s, a, w);
	run(s, fw_core_set_windows(s->core, fw_declared_read(&s->declared), s->now_us));
}

/* ---------------------------------------------------------------- what devices say */

static enum fw_lane
lane_of(const char *topic)
{
	const char *last = strrchr(topic, '/');

	return last && strcmp(last, "/telemetry") == 0 ? FW_LANE_TELEMETRY : FW_LANE_ALARM;
}

static void
take_in(struct fw_simulation *s, const struct sim_message *m)
{
	struct fw_message message = {
	    .lane = lane_of(m->topic),
	    .journal = 1,
	    .position = ++s->messages,
	    .received_at_us = s->now_us,
	    .topic = m->topic,
	    .topic_len = strlen(m->topic),
	    .payload = m->payload,
	    .payload_len = m->len < s->max_payload_bytes ? m->len : s->max_payload_bytes,
	    .original_len = m->len,
	};

	run(s, fw_core_message(s->core, &message, s->now_us));
	settle(s);
}

static void
on_message(struct sim_message *m, void *context)
{
	struct fw_simulation *s = context;

	if (s->broker_down) {
		STAILQ_INSERT_TAIL(&s->held, m, next);
		return;
	}
	take_in(s, m);
	sim_message_free(&s->source.pool, m);
}

/* What devices say while it is down comes when it is back; that they were silent meanwhile does
 * not count. */
static void
set_broker(struct fw_simulation *s, bool up)
{
	struct sim_message *m;

	s->broker_down = !up;
	run(s, fw_core_listening(s->core, up, s->now_us));
	while (up && (m = STAILQ_FIRST(&s->held))) {
		STAILQ_REMOVE_HEAD(&s->held, next);
		take_in(s, m);
		sim_message_free(&s->source.pool, m);
	}
}

static void
on_act(const struct sim_action *a, void *context)
{
	struct fw_simulation *s = context;

	switch (a->verb) {
	case SIM_ACKNOWLEDGE:
		people(s, a, "acknowledge");
		break;
	case SIM_VERIFY:
		people(s, a, "verify");
		break;
	case SIM_CLOSE:
		people(s, a, "close");
		break;
	case SIM_WINDOW:
	case SIM_END_WINDOW:
		window(s, a);
		break;
	case SIM_SENT:
		fw_trace_line(&s->trace, "pages %s from now on", a->good ? "arrive" : "fail");
		s->pages_fail = !a->good;
		break;
	case SIM_DATABASE:
		fw_trace_line(&s->trace, "database %s", a->good ? "back" : "away");
		s->database_away = !a->good;
		break;
	case SIM_BROKER:
		fw_trace_line(&s->trace, "broker %s", a->good ? "up" : "down");
		set_broker(s, a->good);
		break;
	default:
		break;
	}
	settle(s);
}

/* ---------------------------------------------------------------- time */

static void
move_to(struct fw_simulation *s, int64_t t_us)
{
	if (t_us > s->now_us)
		s->now_us = t_us;
	s->trace.now_us = s->now_us;
}

/* All that was said before now has been heard.  (The daemon is two seconds behind.) */
static void
hear(struct fw_simulation *s)
{
	fw_core_heard(s->core, s->now_us, s->now_us);
}

/* A deadline comes before what the scenario does at the same time. */
void
fw_simulation_run(struct fw_simulation *s)
{
	int64_t end_us = s->now_us + s->source.scenario->end_us;

	sim_source_begin(&s->source, s->now_us);
	run(s, fw_core_listening(s->core, true, s->now_us));
	hear(s);
	for (;;) {
		int64_t tick_us = fw_core_next_tick_us(s->core),
			step_us = sim_source_next_us(&s->source);
		int64_t next_us = tick_us <= step_us ? tick_us : step_us;

		if (next_us > end_us)
			break;
		move_to(s, next_us);
		hear(s);
		if (tick_us <= step_us) {
			run(s, fw_core_tick(s->core, s->now_us));
			settle(s);
		} else {
			(void)sim_source_step(&s->source, s->now_us);
		}
	}
	move_to(s, end_us);
}

/* Of the town's devices those are judged by their silence that the scenario declares, from its
 * beginning on.  The core comes to know the others when it is over. */
static void
spare_the_others(struct fw_simulation *s)
{
	const struct fw_town *town = fw_core_town(s->core);
	const struct fw_registration *r;
	size_t cursor = 0;

	while ((r = fw_town_next_device(town, &cursor)))
		if (!fw_strmap_get(&s->source.devices.by_name, r->device, strlen(r->device)))
			fw_core_load_seen(
			    s->core, &(struct fw_seen){.device = r->device,
					 .known_us = s->now_us + s->source.scenario->end_us});
}

int
fw_simulation_init(struct fw_simulation *s, struct sim_scenario *scenario,
    const struct fw_settings *settings, struct fw_town *town, struct fw_windows *windows,
    int64_t start_us, bool quiet)
{
	const struct sim_taker taker = {.message = on_message, .act = on_act, .context = s};
	struct fw_rules rules = fw_rules_of(settings);
	int rc;

	*s = (struct fw_simulation){
	    .now_us = start_us, .max_payload_bytes = (size_t)settings->mqtt.max_payload_bytes};
	STAILQ_INIT(&s->held);
	fw_strmap_init(&s->incidents, SEED);
	fw_trace_init(&s->trace, start_us, quiet);
	s->core = fw_core_new(&rules, SEED);
	fw_core_set_town(s->core, town);
	fw_declared_init(&s->declared, windows);
	fw_core_load_windows(s->core, windows);
	rc = sim_source_init(&s->source, scenario, &taker, 1, SEED, true);
	spare_the_others(s);
	return rc;
}

static void
free_texts(char **list, size_t count)
{
	for (size_t k = 0; k < count; k++)
		free(list[k]);
	free(list);
}

static void
free_waiting(struct fw_simulation *s)
{
	for (size_t k = 0; k < s->item_count; k++)
		free(s->items[k].claimed);
	for (size_t k = 0; k < s->claim_count; k++) {
		free(s->claims[k].page);
		free(s->claims[k].incident);
	}
	free(s->items);
	free(s->claims);
	free_texts(s->asks, s->ask_count);
	free_texts(s->sends, s->send_count);
}

void
fw_simulation_fini(struct fw_simulation *s)
{
	struct fw_file *f;
	struct sim_message *m;

	free_waiting(s);
	while ((m = STAILQ_FIRST(&s->held))) {
		STAILQ_REMOVE_HEAD(&s->held, next);
		sim_message_free(&s->source.pool, m);
	}
	while ((f = s->newest)) {
		s->newest = f->older;
		free(f->id);
		free(f->key);
		free(f->merged_into);
		free(f);
	}
	fw_strmap_fini(&s->incidents);
	fw_trace_fini(&s->trace);
	sim_source_fini(&s->source);
	fw_declared_fini(&s->declared);
	fw_core_free(s->core);
}
