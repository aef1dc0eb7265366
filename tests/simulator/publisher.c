/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the broker; see publisher.h.  Only callbacks run on Paho's threads, and they
 * only move things under the lock. */
#include "publisher.h"

#include <MQTTAsync.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"

#define RETRY_US (200 * FW_MS)
#define WAKE_AT_ROOM 16 /* acknowledgements that are worth waking the sender for */

struct slot {
	struct sim_publisher *publisher;
	struct sim_message *message; /* NULL: free */
	struct slot *next_free;
};

enum link { LINK_DOWN, LINK_OPENING, LINK_UP };

struct sim_publisher {
	struct sim_publisher_options options;
	char uri[300], client_id[64];
	MQTTAsync client; /* NULL: none */
	pthread_mutex_t lock;
	pthread_cond_t came;
	enum link link;
	bool subscribed;
	struct slot *slots, *free;
	size_t room, fresh; /* fresh: acknowledgements since the last wait */
	struct sim_arrivals arrivals;
};

static int64_t
monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * FW_S + t.tv_nsec / 1000;
}

static void
arrivals_init(struct sim_arrivals *a)
{
	STAILQ_INIT(&a->acknowledged);
	STAILQ_INIT(&a->refused);
	STAILQ_INIT(&a->lost);
	STAILQ_INIT(&a->receipts);
}

/* With the lock. */
static void
slot_finish(struct slot *s, struct sim_messages *to)
{
	struct sim_publisher *p = s->publisher;

	STAILQ_INSERT_TAIL(to, s->message, next);
	s->message = NULL;
	s->next_free = p->free;
	p->free = s;
	p->room++;
	if (++p->fresh >= WAKE_AT_ROOM || p->room == (size_t)p->options.window)
		pthread_cond_signal(&p->came);
}

static void
set_link(struct sim_publisher *p, enum link link)
{
	pthread_mutex_lock(&p->lock);
	p->link = link;
	pthread_cond_signal(&p->came);
	pthread_mutex_unlock(&p->lock);
}

static void
on_published(void *context, MQTTAsync_successData5 *response)
{
	struct slot *s = context;

	(void)response;
	pthread_mutex_lock(&s->publisher->lock);
	slot_finish(s, &s->publisher->arrivals.acknowledged);
	pthread_mutex_unlock(&s->publisher->lock);
}

static void
on_not_published(void *context, MQTTAsync_failureData5 *response)
{
	struct slot *s = context;
	struct sim_arrivals *a = &s->publisher->arrivals;
	bool refused = response && (int)response->reasonCode >= 0x80;

	pthread_mutex_lock(&s->publisher->lock);
	slot_finish(s, refused ? &a->refused : &a->lost);
	pthread_mutex_unlock(&s->publisher->lock);
}

static void
on_lost(void *context, char *cause)
{
	(void)cause;
	set_link(context, LINK_DOWN);
}

static void
on_connected(void *context, MQTTAsync_successData5 *response)
{
	(void)response;
	set_link(context, LINK_UP);
}

static void
on_not_connected(void *context, MQTTAsync_failureData5 *response)
{
	(void)response;
	set_link(context, LINK_DOWN);
}

static void
on_subscribed(void *context, MQTTAsync_successData5 *response)
{
	struct sim_publisher *p = context;

	(void)response;
	pthread_mutex_lock(&p->lock);
	p->subscribed = true;
	pthread_cond_signal(&p->came);
	pthread_mutex_unlock(&p->lock);
}

static int
on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct sim_publisher *p = context;
	struct sim_receipt *r = fw_calloc(1, sizeof(*r));

	r->topic = topic_len ? strndup(topic, (size_t)topic_len) : fw_strdup(topic);
	r->len = (size_t)message->payloadlen;
	r->payload = fw_calloc(1, r->len + 1);
	memcpy(r->payload, message->payload, r->len);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->arrivals.receipts, r, next);
	pthread_cond_signal(&p->came);
	pthread_mutex_unlock(&p->lock);
	return 1;
}

struct sim_publisher *
sim_publisher_new(const struct sim_publisher_options *o)
{
	struct sim_publisher *p = fw_calloc(1, sizeof(*p));
	pthread_condattr_t attributes;

	p->options = *o;
	snprintf(p->uri, sizeof(p->uri), "tcp://%s:%d", o->host, o->port);
	snprintf(p->client_id, sizeof(p->client_id), "firewatch-sim-%ld-%llx", (long)getpid(),
	    (unsigned long long)monotonic_us());
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&p->came, &attributes);
	pthread_condattr_destroy(&attributes);
	arrivals_init(&p->arrivals);
	p->slots = fw_calloc((size_t)o->window, sizeof(*p->slots));
	for (int i = 0; i < o->window; i++) {
		p->slots[i].publisher = p;
		p->slots[i].next_free = p->free;
		p->free = &p->slots[i];
	}
	p->room = (size_t)o->window;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	return p;
}

/* With the lock: waits for the condition's signal, until the time at most. */
static bool
wait_until(struct sim_publisher *p, int64_t until_us)
{
	struct timespec t = {.tv_sec = until_us / FW_S, .tv_nsec = until_us % FW_S * 1000};

	return pthread_cond_timedwait(&p->came, &p->lock, &t) == 0;
}

static bool
await_link(struct sim_publisher *p, int64_t until_us)
{
	bool up;

	pthread_mutex_lock(&p->lock);
	while (p->link == LINK_OPENING && wait_until(p, until_us))
		;
	up = p->link == LINK_UP;
	pthread_mutex_unlock(&p->lock);
	return up;
}

static bool
subscribe(struct sim_publisher *p, int64_t until_us)
{
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	bool done;

	if (!p->options.receipts)
		return true;
	r.context = p;
	r.onSuccess5 = on_subscribed;
	r.onFailure5 = on_not_connected;
	p->subscribed = false;
	if (MQTTAsync_subscribe(p->client, "fire/v1/+/+/receipt", 1, &r) != MQTTASYNC_SUCCESS)
		return false;
	pthread_mutex_lock(&p->lock);
	while (!p->subscribed && p->link == LINK_UP && wait_until(p, until_us))
		;
	done = p->subscribed;
	pthread_mutex_unlock(&p->lock);
	return done;
}

static bool
try_connect(struct sim_publisher *p, int64_t until_us)
{
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
	MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;

	create.maxBufferedMessages = p->options.window + 100;
	if (MQTTAsync_createWithOptions(&p->client, p->uri, p->client_id,
		MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) != MQTTASYNC_SUCCESS)
		return false;
	MQTTAsync_setCallbacks(p->client, p, on_lost, on_message, NULL);
	connect.cleanstart = 1;
	connect.keepAliveInterval = 30;
	connect.connectTimeout = 5;
	connect.maxInflight = p->options.window;
	connect.username = p->options.username;
	connect.password = p->options.password;
	connect.context = p;
	connect.onSuccess5 = on_connected;
	connect.onFailure5 = on_not_connected;
	p->link = LINK_OPENING;
	return MQTTAsync_connect(p->client, &connect) == MQTTASYNC_SUCCESS &&
	       await_link(p, until_us) && subscribe(p, until_us);
}

/* After MQTTAsync_destroy no callback comes any more: what still has a slot is lost. */
static void
drop_client(struct sim_publisher *p)
{
	if (p->client)
		MQTTAsync_destroy(&p->client);
	p->client = NULL;
	pthread_mutex_lock(&p->lock);
	p->link = LINK_DOWN;
	for (int i = 0; i < p->options.window; i++)
		if (p->slots[i].message)
			slot_finish(&p->slots[i], &p->arrivals.lost);
	pthread_mutex_unlock(&p->lock);
}

int
sim_publisher_connect(struct sim_publisher *p)
{
	int64_t give_up_us = monotonic_us() + p->options.connect_timeout_us;

	for (;;) {
		if (try_connect(p, give_up_us))
			return FW_OK;
		drop_client(p);
		if (monotonic_us() + RETRY_US >= give_up_us)
			return FW_ECLOSED;
		usleep(RETRY_US);
	}
}

size_t
sim_publisher_room(struct sim_publisher *p)
{
	size_t room;

	pthread_mutex_lock(&p->lock);
	room = p->link == LINK_UP ? p->room : 0;
	pthread_mutex_unlock(&p->lock);
	return room;
}

size_t
sim_publisher_in_flight(struct sim_publisher *p)
{
	size_t room;

	pthread_mutex_lock(&p->lock);
	room = p->room;
	pthread_mutex_unlock(&p->lock);
	return (size_t)p->options.window - room;
}

void
sim_publisher_send(struct sim_publisher *p, struct sim_message *m)
{
	MQTTAsync_message message = MQTTAsync_message_initializer;
	MQTTAsync_responseOptions r = MQTTAsync_responseOptions_initializer;
	struct slot *s;

	pthread_mutex_lock(&p->lock);
	s = p->free;
	assert(s);
	p->free = s->next_free;
	p->room--;
	s->message = m;
	pthread_mutex_unlock(&p->lock);
	message.qos = 1;
	message.payload = m->payload;
	message.payloadlen = (int)m->len;
	r.context = s;
	r.onSuccess5 = on_published;
	r.onFailure5 = on_not_published;
	if (MQTTAsync_sendMessage(p->client, m->topic, &message, &r) == MQTTASYNC_SUCCESS)
		return;
	pthread_mutex_lock(&p->lock);
	slot_finish(s, &p->arrivals.lost);
	p->link = LINK_DOWN;
	pthread_mutex_unlock(&p->lock);
}

int
sim_publisher_wait(struct sim_publisher *p, int64_t wait_us, struct sim_arrivals *out)
{
	int64_t until_us = monotonic_us() + wait_us;
	bool up;

	pthread_mutex_lock(&p->lock);
	while (wait_us > 0 && p->fresh == 0 && p->link == LINK_UP &&
	       STAILQ_EMPTY(&p->arrivals.receipts) && wait_until(p, until_us))
		;
	up = p->link == LINK_UP;
	pthread_mutex_unlock(&p->lock);
	if (!up)
		drop_client(p);
	arrivals_init(out);
	pthread_mutex_lock(&p->lock);
	p->fresh = 0;
	STAILQ_CONCAT(&out->acknowledged, &p->arrivals.acknowledged);
	STAILQ_CONCAT(&out->refused, &p->arrivals.refused);
	STAILQ_CONCAT(&out->lost, &p->arrivals.lost);
	STAILQ_CONCAT(&out->receipts, &p->arrivals.receipts);
	pthread_mutex_unlock(&p->lock);
	return up ? FW_OK : FW_ECLOSED;
}

void
sim_receipt_free(struct sim_receipt *r)
{
	free(r->topic);
	free(r->payload);
	free(r);
}

void
sim_publisher_stop(struct sim_publisher *p)
{
	MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer5;
	int64_t until_us = monotonic_us() + 2 * FW_S;

	disconnect.timeout = 500;
	if (p->client && MQTTAsync_disconnect(p->client, &disconnect) == MQTTASYNC_SUCCESS)
		while (MQTTAsync_isConnected(p->client) && monotonic_us() < until_us)
			usleep(2000);
	drop_client(p);
}

void
sim_publisher_free(struct sim_publisher *p)
{
	pthread_cond_destroy(&p->came);
	pthread_mutex_destroy(&p->lock);
	free(p->slots);
	free(p);
}
