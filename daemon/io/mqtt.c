/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a session, decided in the loop alone; see mqtt.h.  Paho is behind mqtt_client.h:
 * what happened comes from its threads as events, and an eventfd wakes the loop.
 */
#include "io/mqtt.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/mqtt_client.h"
#include "io/mqtt_events.h"
#include "io/mqtt_outbox.h"
#include "io/mqtt_profile.h"

#define MAGIC 0x6d717474
#define RETRY_FIRST_MS 500
#define STABLE_US (10 * FW_S) /* held so long, a connection makes the next pause short again */
#define ANSWER_WITHIN_US (20 * FW_S) /* of a CONNECT, and of a SUBSCRIBE */
#define STOP_US (2 * FW_S)
#define TAKEN_OVER_MS 30000 /* two that take the session from each other would do nothing else */

/*
 * start -> CONNECTING -> SUBSCRIBING -> UP, and from any of the three to PAUSED when it fails, then
 * CONNECTING again. stop leads to STOPPED from everywhere.
 */
enum phase { STOPPED, PAUSED, CONNECTING, SUBSCRIBING, UP };

struct fw_mqtt {
	/* Set once, when it is made: any thread reads them. */
	unsigned magic;
	struct fw_loop *loop;
	struct fw_mqtt_handlers handlers;
	struct fw_mqtt_profile profile;
	struct fw_mqtt_client *client; /* open but after stop; the outbox's thread sends by it */
	struct fw_mqtt_outbox *outbox; /* the loop puts, its thread hands over */

	/* The loop's. */
	enum phase phase;
	unsigned failures;
	bool had_session; /* the broker should know one of ours */
	int64_t up_since_us;
	struct fw_timer *retry;
	struct fw_watch *wake;
	uint64_t received_before; /* messages, when an answer was last asked for */

	struct fw_mqtt_events events; /* Paho's threads put, the loop takes */

	/* Changed by the loop, read by any thread. */
	_Atomic bool up;
	_Atomic uint64_t connects, losses, sessions_lost;
	/* Counted by the outbox's thread, dropped by the loop as well; read by any. */
	_Atomic uint64_t published, dropped;
};

static struct fw_mqtt *
of_context(void *context)
{
	struct fw_mqtt *m = context;

	assert(m && m->magic == MAGIC);
	return m;
}

/* ---------------------------------------------------------------- the outbox's thread */

/* The client is open: it is not closed before the outbox is empty.  Paho's queue may be full: while
 * the session is up, that passes. */
static void
hand_over(const char *topic, const void *payload, size_t len, int qos, void *context)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	struct fw_mqtt *m = of_context(context);
	int rc;

	while ((rc = fw_mqtt_client_send(m->client, topic, payload, len, qos)) == FW_EAGAIN &&
	       atomic_load(&m->up))
		nanosleep(&pause, NULL);
	atomic_fetch_add(rc == FW_OK ? &m->published : &m->dropped, 1);
}

/* ---------------------------------------------------------------- the loop */

/* Doubling, and between a half and the whole of it, so that thousands of clients do not come back
 * at one moment. */
static int64_t
pause_us(const struct fw_mqtt *m)
{
	int64_t ms = RETRY_FIRST_MS;

	for (unsigned i = 0; i < m->failures && ms < m->profile.retry_max_ms; i++)
		ms *= 2;
	if (ms > m->profile.retry_max_ms)
		ms = m->profile.retry_max_ms;
	return (ms / 2 + (int64_t)arc4random_uniform((uint32_t)(ms / 2) + 1)) * FW_MS;
}

static int64_t
taken_over_pause_us(const struct fw_mqtt *m)
{
	int64_t ms = m->profile.retry_max_ms;

	return (ms < TAKEN_OVER_MS ? ms : TAKEN_OVER_MS) * FW_MS;
}

static void
go_down(struct fw_mqtt *m, enum fw_mqtt_change how, const char *why)
{
	if (m->phase == STOPPED || m->phase == PAUSED)
		return;
	if (m->phase == UP) {
		atomic_fetch_add(&m->losses, 1);
		if (fw_loop_now_us(m->loop) - m->up_since_us >= STABLE_US)
			m->failures = 0;
	}
	m->phase = PAUSED;
	atomic_store(&m->up, false);
	fw_timer_set(m->retry, how == FW_MQTT_TAKEN_OVER ? taken_over_pause_us(m) : pause_us(m));
	m->failures++;
	m->handlers.state(how, why, m->handlers.context);
}

static void
await_answer(struct fw_mqtt *m)
{
	m->received_before = fw_mqtt_client_received(m->client);
	fw_timer_set(m->retry, ANSWER_WITHIN_US);
}

/* What the client put down before it was closed or renewed is of no session any more. */
static void
forget_events(struct fw_mqtt *m)
{
	fw_mqtt_events_take(&m->events);
	m->events.taken.count = 0;
}

static void
forget_acknowledgements(struct fw_mqtt *m)
{
	if (!fw_mqtt_client_refused(m->client))
		return;
	fw_mqtt_outbox_drain(m->outbox);
	fw_mqtt_client_renew(m->client);
	forget_events(m);
}

static void
connect_now(struct fw_mqtt *m)
{
	const char *why;

	forget_acknowledgements(m);
	m->phase = CONNECTING;
	await_answer(m);
	if (fw_mqtt_client_connect(m->client, &why) != FW_OK)
		go_down(m, FW_MQTT_LOST, why);
}

static void
subscribe(struct fw_mqtt *m)
{
	m->phase = SUBSCRIBING;
	await_answer(m);
	atomic_fetch_add(&m->connects, 1);
	if (fw_mqtt_client_subscribe(m->client) == FW_OK)
		return;
	go_down(m, FW_MQTT_LOST, "cannot subscribe");
	fw_mqtt_client_hang_up(m->client);
}

/* Once: the next CONNECT that is answered so is of another session. */
static void
tell_lost_session(struct fw_mqtt *m)
{
	if (!m->had_session)
		return;
	m->had_session = false;
	atomic_fetch_add(&m->sessions_lost, 1);
	fw_warning("mqtt %s the broker has lost the session: what it held is lost unless devices "
		   "repeat it",
	    m->profile.client_id);
}

static void
come_up(struct fw_mqtt *m)
{
	m->phase = UP;
	m->had_session = true;
	fw_timer_cancel(m->retry);
	m->up_since_us = fw_loop_now_us(m->loop);
	atomic_store(&m->up, true);
	m->handlers.state(FW_MQTT_UP, "", m->handlers.context);
}

static void
retry_due(void *context)
{
	struct fw_mqtt *m = of_context(context);

	switch (m->phase) {
	case PAUSED:
		connect_now(m);
		return;
	case SUBSCRIBING:
		if (fw_mqtt_client_received(m->client) != m->received_before) {
			await_answer(m); /* it stands behind what the broker had queued */
			return;
		}
		/* fall through */
	case CONNECTING:
		go_down(m, FW_MQTT_LOST, "no answer from the broker");
		fw_mqtt_client_hang_up(m->client);
		return;
	case STOPPED:
	case UP:
		return;
	}
}

static void
handle(struct fw_mqtt *m, const struct fw_mqtt_event *e)
{
	switch (e->kind) {
	case FW_EVENT_CONNECTED_ANEW:
		if (m->phase == CONNECTING)
			tell_lost_session(m);
		/* fallthrough */
	case FW_EVENT_CONNECTED:
		if (m->phase == CONNECTING)
			subscribe(m);
		else if (m->phase == PAUSED)
			fw_mqtt_client_hang_up(m->client); /* it was given up meanwhile */
		return;
	case FW_EVENT_SUBSCRIBED:
		if (m->phase == SUBSCRIBING)
			come_up(m);
		return;
	case FW_EVENT_DOWN:
	case FW_EVENT_TAKEN_OVER:
		go_down(m, e->kind == FW_EVENT_DOWN ? FW_MQTT_LOST : FW_MQTT_TAKEN_OVER, e->why);
		if (m->phase == PAUSED)
			fw_mqtt_client_hang_up(m->client);
		return;
	case FW_EVENT_CLOSED:
		return;
	}
}

static void
woken(int what, void *context)
{
	struct fw_mqtt *m = of_context(context);

	(void)what;
	fw_mqtt_events_take(&m->events);
	for (size_t i = 0; i < m->events.taken.count; i++)
		handle(m, &m->events.taken.items[i]);
}

int
fw_mqtt_new(struct fw_mqtt **out, struct fw_loop *loop, const struct fw_mqtt_options *options,
    const struct fw_mqtt_handlers *handlers, char *why, size_t why_size)
{
	struct fw_mqtt *m = fw_calloc(1, sizeof(*m));
	int rc;

	m->magic = MAGIC;
	m->loop = loop;
	m->handlers = *handlers;
	m->had_session = options->had_session;
	fw_mqtt_profile_init(&m->profile, options);
	fw_mqtt_events_init(&m->events);
	m->outbox = fw_mqtt_outbox_new(hand_over, m);
	m->wake = fw_watch_new(loop, m->events.fd, FW_READ, woken, m);
	m->retry = fw_timer_new(loop, retry_due, m);
	rc = fw_mqtt_client_new(&m->client, &m->profile, &m->events, handlers->message,
	    handlers->context, why, why_size);
	if (rc != FW_OK) {
		fw_mqtt_free(m);
		return rc;
	}
	*out = m;
	return FW_OK;
}

void
fw_mqtt_start(struct fw_mqtt *m)
{
	if (m->phase != STOPPED)
		return;
	fw_mqtt_client_open(m->client);
	m->failures = 0;
	connect_now(m);
}

void
fw_mqtt_resume(struct fw_mqtt *m)
{
	if (m->phase == PAUSED)
		connect_now(m);
}

void
fw_mqtt_publish(struct fw_mqtt *m, const char *topic, const void *payload, size_t len, int qos)
{
	if (m->phase != UP || !fw_mqtt_outbox_put(m->outbox, topic, payload, len, qos))
		atomic_fetch_add(&m->dropped, 1);
}

static void
wait_until_closed(struct fw_mqtt *m)
{
	int64_t end_us = fw_loop_now_us(m->loop) + STOP_US, left_us;

	while ((left_us = end_us - fw_loop_now_us(m->loop)) > 0 && left_us <= STOP_US) {
		struct pollfd p = {.fd = m->events.fd, .events = POLLIN};

		if (poll(&p, 1, (int)(left_us / FW_MS) + 1) <= 0)
			continue;
		fw_mqtt_events_take(&m->events);
		for (size_t i = 0; i < m->events.taken.count; i++)
			if (m->events.taken.items[i].kind == FW_EVENT_CLOSED ||
			    m->events.taken.items[i].kind == FW_EVENT_DOWN)
				return;
	}
}

void
fw_mqtt_stop(struct fw_mqtt *m)
{
	if (m->phase == STOPPED)
		return;
	m->phase = STOPPED;
	atomic_store(&m->up, false);
	fw_timer_cancel(m->retry);
	fw_mqtt_outbox_drain(m->outbox);
	if (fw_mqtt_client_disconnect(m->client))
		wait_until_closed(m);
	fw_mqtt_client_close(m->client);
	forget_events(m);
}

void
fw_mqtt_free(struct fw_mqtt *m)
{
	if (!m)
		return;
	fw_mqtt_stop(m);
	fw_timer_free(m->retry);
	fw_watch_free(m->wake);
	fw_mqtt_outbox_free(m->outbox);
	fw_mqtt_client_free(m->client);
	fw_mqtt_events_clear(&m->events);
	fw_mqtt_profile_clear(&m->profile);
	m->magic = 0;
	free(m);
}

void
fw_mqtt_state(const struct fw_mqtt *m, struct fw_mqtt_state *out)
{
	*out = (struct fw_mqtt_state){
	    .up = atomic_load(&m->up),
	    .connects = atomic_load(&m->connects),
	    .losses = atomic_load(&m->losses),
	    .sessions_lost = atomic_load(&m->sessions_lost),
	    .received = fw_mqtt_client_received(m->client),
	    .published = atomic_load(&m->published),
	    .dropped = atomic_load(&m->dropped),
	};
}
