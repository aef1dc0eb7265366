/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a scenario: writes the messages of each moment (scenario/source.h) into the ledger, hands
 * them to the publisher while its window has room, and takes back what came of them.  See player.h.
 */
#include "player.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "scenario/source.h"

#define BATCH 256 /* messages made ahead of the window */
#define WAIT_MOST_US (50 * FW_MS)

struct player {
	const struct sim_options *options;
	struct sim_ledger *ledger;
	struct sim_counts *counts;
	struct sim_publisher *publisher;
	struct sim_source source;
	struct sim_messages ready; /* in the ledger, not handed over yet */
	size_t ready_count;
	int64_t now_us, last_sent_us;
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
take_message(struct sim_message *m, void *context)
{
	struct player *p = context;

	count_message(p->counts, m);
	m->number = p->counts->messages;
	sim_ledger_put(p->ledger, m, m->kind, p->now_us);
	STAILQ_INSERT_TAIL(&p->ready, m, next);
	p->ready_count++;
	if (m->kind == SIM_FIRST && p->options->publisher.receipts)
		sim_kept_add(&p->source.devices, m, p->now_us + p->options->resend_after_us);
}

static void
play_due(struct player *p)
{
	while (p->ready_count < BATCH && sim_source_step(&p->source, p->now_us))
		;
}

/* What has no receipt in time goes again, as it went: the reports of one message in one message. */
static void
resend_due(struct player *p)
{
	struct sim_kept *k;

	while (p->ready_count < BATCH && (k = TAILQ_FIRST(&p->source.devices.kept)) &&
	       k->due_us <= p->now_us) {
		uint64_t number = k->message;
		struct sim_message *m =
		    sim_source_message(&p->source, k->report.device->via, k->lane);

		m->kind = SIM_RESEND;
		for (; k && k->message == number && k->due_us <= p->now_us;
		     k = TAILQ_FIRST(&p->source.devices.kept)) {
			struct sim_report r = k->report;
			bool last =
			    p->options->resend_max > 0 && k->resends + 1 >= p->options->resend_max;

			r.at = m->len;
			memcpy(sim_message_room(m, k->frame_len), k->frame, k->frame_len);
			m->len += k->frame_len;
			sim_message_add(m, &r);
			sim_kept_resent(&p->source.devices, k,
			    last ? FW_NEVER : p->now_us + p->options->resend_after_us);
		}
		take_message(m, p);
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
		sim_message_free(&p->source.pool, m);
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
		(void)sim_devices_receipt(&p->source.devices, r->topic, r->payload, r->len);
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
	const struct sim_kept *k = TAILQ_FIRST(&p->source.devices.kept);

	if (p->source.flood && p->ready_count < BATCH)
		wait = p->source.flood->rate > 0 ? FW_MS : 0;
	else if (p->ready_count == 0 && sim_source_next_us(&p->source) < p->now_us + wait)
		wait = sim_source_next_us(&p->source) - p->now_us;
	if (k && p->ready_count == 0 && k->due_us - p->now_us < wait)
		wait = k->due_us - p->now_us;
	return wait < 0 ? 0 : wait < WAIT_MOST_US ? wait : WAIT_MOST_US;
}

static bool
is_played(const struct player *p)
{
	return sim_source_next_us(&p->source) == FW_NEVER && p->ready_count == 0 &&
	       sim_publisher_in_flight(p->publisher) == 0 &&
	       p->now_us - p->source.began_us >=
		   (int64_t)((double)p->source.scenario->end_us / p->options->speed);
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
	if (p->options->until_receipted_us == 0 || p->source.devices.kept_count == 0)
		return p->ready_count == 0 && sim_publisher_in_flight(p->publisher) == 0;
	return p->now_us - *played_us >= p->options->until_receipted_us;
}

static int
run(struct player *p)
{
	struct sim_arrivals arrivals;
	int64_t played_us = 0;
	int rc = reach(p);

	sim_source_begin(&p->source, clock_us());
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
	p->counts->receipted = p->source.devices.receipted;
	p->counts->rejected = p->source.devices.rejected;
	p->counts->unreceipted = p->source.devices.kept_count;
	release(p, &p->ready);
	sim_source_fini(&p->source);
}

int
sim_play(struct sim_scenario *s, const struct sim_options *o, struct sim_ledger *ledger,
    struct sim_counts *counts)
{
	struct player p = {.options = o, .ledger = ledger, .counts = counts};
	const struct sim_taker taker = {.message = take_message, .context = &p};
	int rc;

	*counts = (struct sim_counts){0};
	STAILQ_INIT(&p.ready);
	rc = sim_source_init(&p.source, s, &taker, o->speed, o->seed, false);
	p.publisher = sim_publisher_new(&o->publisher);
	if (rc == FW_OK)
		rc = run(&p);
	if (p.last_sent_us > p.source.began_us)
		counts->seconds = (double)(clock_us() - p.source.began_us) / (double)FW_S;
	finish(&p);
	if (rc == FW_OK &&
	    (counts->refused > 0 || (o->until_receipted_us > 0 && counts->unreceipted > 0)))
		rc = FW_EREFUSED;
	return rc;
}
