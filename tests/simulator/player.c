/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a scenario: makes the messages of each moment, writes them into the ledger, hands them to
 * the publisher while its window has room, and takes back what came of them.  See player.h.
 */
#include "player.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "device.h"
#include "encode.h"
#include "schedule.h"

#define BATCH 256 /* messages made ahead of the window */
#define WAIT_MOST_US (50 * FW_MS)

struct player {
	struct sim_scenario *scenario;
	const struct sim_options *options;
	struct sim_ledger *ledger;
	struct sim_counts *counts;
	struct sim_publisher *publisher;
	struct sim_devices devices;
	struct sim_schedule schedule;
	struct sim_pool pool;
	struct sim_messages ready; /* in the ledger, not handed over yet */
	size_t ready_count;
	uint64_t random;
	int64_t began_us, now_us, last_sent_us;
	struct sim_message *open; /* a pack that is being filled */
	struct sim_part heartbeat_part, flood_part;
	struct sim_action heartbeat, flood_report;
	const char **events;            /* by action */
	const struct sim_action *flood; /* under way, or NULL */
	int64_t flood_done, flood_began_us;
	size_t flood_turn;
};

static int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * FW_S + t.tv_nsec / 1000;
}

/* ---------------------------------------------------------------- making messages */

static void
count_message(struct sim_counts *c, const struct sim_message *m)
{
	c->messages++;
	switch (m->kind) {
	case SIM_FIRST:
		c->first += m->report_count;
		break;
	case SIM_RESEND:
		c->resends += m->report_count;
		break;
	case SIM_DUPLICATE:
		c->duplicates += m->report_count;
		break;
	case SIM_NO_REPORT:
		c->garbage++;
		break;
	}
}

static void
emit(struct player *p, struct sim_message *m)
{
	count_message(p->counts, m);
	m->number = p->counts->messages;
	sim_ledger_put(p->ledger, m, m->kind, p->now_us);
	STAILQ_INSERT_TAIL(&p->ready, m, next);
	p->ready_count++;
	if (m->kind == SIM_FIRST && p->options->publisher.receipts)
		sim_kept_add(&p->devices, m, p->now_us + p->options->resend_after_us);
}

static void
close_pack(struct player *p, int64_t duplicates)
{
	struct sim_message *m = p->open;

	p->open = NULL;
	if (!m)
		return;
	emit(p, m);
	for (int64_t i = 0; i < duplicates; i++) {
		struct sim_message *again = sim_message_copy(&p->pool, m);

		again->kind = SIM_DUPLICATE;
		emit(p, again);
	}
}

static enum sim_lane
lane_of(const struct sim_action *a)
{
	for (size_t i = 0; a->lane < 0 && i < a->part_count; i++)
		if (a->parts[i].kind == SIM_EVENT)
			return SIM_ALARM;
	return a->lane < 0 ? SIM_TELEMETRY : (enum sim_lane)a->lane;
}

static struct sim_message *
message_to(struct player *p, struct sim_device *via, enum sim_lane lane)
{
	struct sim_message *m = sim_message_new(&p->pool);

	m->via = via;
	m->lane = lane;
	m->topic = via->topic[lane];
	return m;
}

static void
add_report(struct player *p, const struct sim_action *a, struct sim_encode *e, int64_t pack)
{
	struct sim_device *via = e->device->via;

	if (p->open && p->open->via != via)
		close_pack(p, a->duplicate);
	if (!p->open)
		p->open = message_to(p, via, lane_of(a));
	sim_encode_report(p->open, a, e);
	if ((int64_t)p->open->report_count >= pack)
		close_pack(p, a->duplicate);
}

static void
report(struct player *p, const struct sim_action *a, struct sim_device *d, const char *events)
{
	int64_t count = a->backfill.count ? a->backfill.count : 1;

	for (int64_t i = count - 1; i >= 0; i--) {
		int64_t ago_us = a->backfill.count ? (i + 1) * a->backfill.every_us : 0;
		struct sim_encode e = {
		    .device = d,
		    .observed_at_ms = sim_device_time_ms(&p->devices, d, p->now_us, ago_us),
		    .backfill = a->backfill.count > 0,
		    .events = events,
		};

		add_report(p, a, &e, a->pack);
	}
}

static void
garbage(struct player *p, const struct sim_action *a, struct sim_device *d)
{
	for (int64_t i = 0; i < a->number; i++) {
		struct sim_message *m =
		    message_to(p, d, a->lane < 0 ? SIM_ALARM : (enum sim_lane)a->lane);

		m->kind = SIM_NO_REPORT;
		sim_encode_garbage(m, a, i, &p->random);
		emit(p, m);
	}
}

static void
raw(struct player *p, const struct sim_action *a)
{
	struct sim_message *m = sim_message_new(&p->pool);

	m->kind = SIM_NO_REPORT;
	m->topic = a->topic;
	memcpy(sim_message_room(m, a->payload_len + 1), a->payload, a->payload_len);
	m->len = a->payload_len;
	emit(p, m);
}

/* ---------------------------------------------------------------- moments */

static void
act_on(struct player *p, const struct sim_action *a, struct sim_device *d)
{
	switch (a->verb) {
	case SIM_REPORT:
		report(p, a, d, p->events[a - p->scenario->actions]);
		break;
	case SIM_BOOT:
		sim_device_boot(d, a->number, &p->random);
		break;
	case SIM_SEQUENCE:
		d->sequence = a->sequence;
		break;
	case SIM_LOSE:
		d->sequence += (uint64_t)a->number;
		break;
	case SIM_CLOCK:
		d->clock = a->clock;
		break;
	case SIM_GARBAGE:
		garbage(p, a, d);
		break;
	case SIM_RAW:
	case SIM_FLOOD:
		break;
	}
}

static void
play_moment(struct player *p, const struct sim_moment *m)
{
	const struct sim_action *a = m->action;

	if (!a) {
		report(p, &p->heartbeat, &p->devices.device[m->device], "health");
	} else if (a->verb == SIM_RAW) {
		raw(p, a);
		return;
	} else if (a->verb == SIM_FLOOD) {
		p->flood = a;
		p->flood_done = 0;
		p->flood_turn = 0;
		p->flood_began_us = p->now_us;
		return;
	} else if (m->device != SIM_NONE) {
		act_on(p, a, &p->devices.device[m->device]);
	} else {
		for (size_t i = 0; i < a->device_count; i++)
			act_on(p, a, &p->devices.device[a->devices[i]]);
	}
	close_pack(p, a ? a->duplicate : 0);
}

/* One message of the flood: a gateway packs its children in turn, a single device its own. */
static void
flood_message(struct player *p)
{
	const struct sim_action *a = p->flood;
	bool fire = a->lane == SIM_ALARM;
	int64_t pack = a->pack;
	struct sim_device *d;

	if (a->number - p->flood_done < pack)
		pack = a->number - p->flood_done;
	do {
		struct sim_encode e = {.events = fire ? "+FIRE" : "TEMPERATURE_CELSIUS=21.5"};

		d = &p->devices.device[a->devices[p->flood_turn]];
		e.device = d;
		e.observed_at_ms = sim_device_time_ms(&p->devices, d, p->now_us, 0);
		add_report(p, &p->flood_report, &e, pack);
		p->flood_done++;
		if (d->via != d || !p->open)
			p->flood_turn = (p->flood_turn + 1) % a->device_count;
	} while (p->open && p->flood_done < a->number);
	close_pack(p, 0);
	if (p->flood_done >= a->number)
		p->flood = NULL;
}

/* How many of the flood's reports are due by now. */
static int64_t
flood_due(const struct player *p)
{
	int64_t elapsed_us = p->now_us - p->flood_began_us;

	if (p->flood->rate == 0)
		return p->flood->number;
	return (int64_t)((double)elapsed_us * (double)p->flood->rate / (double)FW_S) + 1;
}

static void
flood_on(struct player *p)
{
	p->flood_part.kind = p->flood->lane == SIM_ALARM ? SIM_EVENT : SIM_READING;
	p->flood_report.lane = p->flood->lane;
	while (p->flood && p->ready_count < BATCH && p->flood_done < flood_due(p))
		flood_message(p);
}

static void
play_due(struct player *p)
{
	struct sim_schedule *s = &p->schedule;

	for (;;) {
		if (p->flood)
			flood_on(p);
		if (p->flood || p->ready_count >= BATCH || s->next == s->count)
			return;
		if (s->moments[s->next].at_us > p->now_us - p->began_us)
			return;
		play_moment(p, &s->moments[s->next++]);
	}
}

/* What has no receipt in time goes again, as it went: the reports of one message in one message. */
static void
resend_due(struct player *p)
{
	struct sim_kept *k;

	while (p->ready_count < BATCH && (k = TAILQ_FIRST(&p->devices.kept)) &&
	       k->due_us <= p->now_us) {
		uint64_t number = k->message;
		struct sim_message *m = message_to(p, k->report.device->via, k->lane);

		m->kind = SIM_RESEND;
		for (; k && k->message == number && k->due_us <= p->now_us;
		     k = TAILQ_FIRST(&p->devices.kept)) {
			struct sim_report r = k->report;
			bool last =
			    p->options->resend_max > 0 && k->resends + 1 >= p->options->resend_max;

			r.at = m->len;
			memcpy(sim_message_room(m, k->frame_len), k->frame, k->frame_len);
			m->len += k->frame_len;
			sim_message_add(m, &r);
			sim_kept_resent(&p->devices, k,
			    last ? FW_NEVER : p->now_us + p->options->resend_after_us);
		}
		emit(p, m);
	}
}

/* ---------------------------------------------------------------- the wire */

static int
send_ready(struct player *p)
{
	size_t room = sim_publisher_room(p->publisher);

	if (sim_ledger_flush(p->ledger) != FW_OK)
		return FW_EIO;
	for (; room > 0 && p->ready_count > 0; room--) {
		struct sim_message *m = STAILQ_FIRST(&p->ready);

		STAILQ_REMOVE_HEAD(&p->ready, next);
		p->ready_count--;
		p->counts->published++;
		p->last_sent_us = p->now_us;
		sim_publisher_send(p->publisher, m);
	}
	return FW_OK;
}

static uint64_t
release(struct player *p, struct sim_messages *list)
{
	struct sim_message *m;
	uint64_t count = 0;

	for (; (m = STAILQ_FIRST(list)); count++) {
		STAILQ_REMOVE_HEAD(list, next);
		sim_message_free(&p->pool, m);
	}
	return count;
}

/* What was lost with the connection goes first when it is back; whether it had arrived nobody
 * knows. */
static void
send_again(struct player *p, struct sim_messages *lost)
{
	struct sim_message *m;

	STAILQ_FOREACH(m, lost, next)
	{
		sim_ledger_put(p->ledger, m, SIM_RESEND, p->now_us);
		p->counts->resends += m->report_count;
		p->counts->republished++;
		p->ready_count++;
	}
	STAILQ_CONCAT(lost, &p->ready);
	STAILQ_CONCAT(&p->ready, lost);
}

static void
take_receipts(struct player *p, struct sim_receipts *list)
{
	struct sim_receipt *r;

	while ((r = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		(void)sim_devices_receipt(&p->devices, r->topic, r->payload, r->len);
		sim_receipt_free(r);
	}
}

static void
take_arrivals(struct player *p, struct sim_arrivals *a)
{
	p->counts->acknowledged += release(p, &a->acknowledged);
	p->counts->refused += release(p, &a->refused);
	send_again(p, &a->lost);
	take_receipts(p, &a->receipts);
}

static int
reach(struct player *p)
{
	int rc = sim_publisher_connect(p->publisher);

	p->counts->connections += rc == FW_OK;
	return rc;
}

static int64_t
wait_us(const struct player *p)
{
	int64_t wait = WAIT_MOST_US;
	const struct sim_kept *k = TAILQ_FIRST(&p->devices.kept);

	if (p->flood && p->ready_count < BATCH)
		wait = p->flood->rate > 0 ? FW_MS : 0;
	else if (p->schedule.next < p->schedule.count && p->ready_count == 0)
		wait = p->began_us + p->schedule.moments[p->schedule.next].at_us - p->now_us;
	if (k && p->ready_count == 0 && k->due_us - p->now_us < wait)
		wait = k->due_us - p->now_us;
	return wait < 0 ? 0 : wait < WAIT_MOST_US ? wait : WAIT_MOST_US;
}

static bool
is_played(const struct player *p)
{
	return p->schedule.next == p->schedule.count && !p->flood && p->ready_count == 0 &&
	       sim_publisher_in_flight(p->publisher) == 0 &&
	       p->now_us - p->began_us >=
		   (int64_t)((double)p->scenario->end_us / p->options->speed);
}

/* Only first sendings and what the scenario repeats count as the last message: resends would put
 * the end off for ever. */
static bool
is_over(struct player *p, int64_t *played_us)
{
	if (*played_us == 0 && is_played(p))
		*played_us = p->now_us;
	if (*played_us == 0)
		return false;
	if (p->options->until_receipted_us == 0 || p->devices.kept_count == 0)
		return p->ready_count == 0 && sim_publisher_in_flight(p->publisher) == 0;
	return p->now_us - *played_us >= p->options->until_receipted_us;
}

static int
run(struct player *p)
{
	struct sim_arrivals arrivals;
	int64_t played_us = 0;
	int rc = reach(p);

	p->devices.began_us = p->began_us = clock_us();
	while (rc == FW_OK) {
		p->now_us = clock_us();
		play_due(p);
		resend_due(p);
		if (send_ready(p) != FW_OK)
			return FW_EIO;
		if (is_over(p, &played_us))
			return FW_OK;
		rc = sim_publisher_wait(p->publisher, wait_us(p), &arrivals);
		p->now_us = clock_us();
		take_arrivals(p, &arrivals);
		if (rc == FW_ECLOSED)
			rc = reach(p);
	}
	return rc;
}

/* ---------------------------------------------------------------- begin and end */

static void
make_actions(struct player *p)
{
	p->heartbeat_part =
	    (struct sim_part){.kind = SIM_HEALTH, .battery = 95, .signal = -85, .mains = 1};
	p->heartbeat = (struct sim_action){.parts = &p->heartbeat_part,
	    .part_count = 1,
	    .pack = 1,
	    .lane = SIM_TELEMETRY,
	    .mode = -1};
	p->flood_part = (struct sim_part){
	    .number = 1, .active = true, .system = -1, .component = -1, .value = 21.5};
	p->flood_report =
	    (struct sim_action){.parts = &p->flood_part, .part_count = 1, .pack = 1, .mode = -1};
	p->events = fw_calloc(p->scenario->action_count + 1, sizeof(*p->events));
	for (size_t i = 0; i < p->scenario->action_count; i++)
		p->events[i] = sim_encode_events(&p->scenario->arena, &p->scenario->actions[i]);
}

static void
finish(struct player *p)
{
	struct sim_arrivals rest;
	int rc;

	sim_publisher_stop(p->publisher);
	rc = sim_publisher_wait(p->publisher, 0, &rest);
	assert(rc == FW_ECLOSED);
	p->counts->acknowledged += release(p, &rest.acknowledged);
	p->counts->refused += release(p, &rest.refused);
	release(p, &rest.lost);
	take_receipts(p, &rest.receipts);
	sim_publisher_free(p->publisher);
	p->counts->receipted = p->devices.receipted;
	p->counts->rejected = p->devices.rejected;
	p->counts->unreceipted = p->devices.kept_count;
	release(p, &p->ready);
	sim_pool_fini(&p->pool);
	sim_devices_fini(&p->devices);
	sim_schedule_free(&p->schedule);
	free(p->events);
}

int
sim_play(struct sim_scenario *s, const struct sim_options *o, struct sim_ledger *ledger,
    struct sim_counts *counts)
{
	struct player p = {
	    .scenario = s, .options = o, .ledger = ledger, .counts = counts, .random = o->seed};
	int rc;

	*counts = (struct sim_counts){0};
	STAILQ_INIT(&p.ready);
	sim_pool_init(&p.pool);
	sim_devices_init(&p.devices, s, &p.random, clock_us());
	make_actions(&p);
	p.publisher = sim_publisher_new(&o->publisher);
	rc = sim_schedule_make(&p.schedule, s, o->speed, &p.random);
	if (rc == FW_OK)
		rc = run(&p);
	if (p.last_sent_us > p.began_us)
		counts->seconds = (double)(clock_us() - p.began_us) / (double)FW_S;
	finish(&p);
	if (rc == FW_OK &&
	    (counts->refused > 0 || (o->until_receipted_us > 0 && counts->unreceipted > 0)))
		rc = FW_EREFUSED;
	return rc;
}
