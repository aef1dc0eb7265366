/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT 5 session on MQTTAsync; see mqtt.h.  Paho's callbacks only put down what happened, under
 * a lock, and wake the loop by an eventfd; everything else is decided in the loop.  Paho's
 * automatic reconnect is not used: it does not subscribe again.
 */
#include "io/mqtt.h"

#include <MQTTAsync.h>
#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/mqtt_events.h"
#include "io/mqtt_outbox.h"
#include "io/mqtt_profile.h"
#include "io/mqtt_socket.h"

#define MAGIC 0x6d717474
#define RETRY_FIRST_MS 500
#define STABLE_US                                                                      \
	(10 * FW_S) /* a connection that held so long makes the next pause short again \
		     */
#define CONNECT_TIMEOUT_S 10
#define ANSWER_WITHIN_US (20 * FW_S) /* of a CONNECT, and of a SUBSCRIBE */
#define BUFFERED_MOST 16384          /* outgoing messages in Paho's queue */
#define FLUSH_MS 500                 /* on stop, for what is in that queue */
#define STOP_US (2 * FW_S)
#define TAKEN_OVER_MS 30000 /* two that take the session from each other would do nothing else */

/*
 * start -> CONNECTING -> SUBSCRIBING -> UP, and from any of the three to PAUSED when it fails, then
 * CONNECTING again. stop leads to STOPPED from everywhere.
 */
enum phase { STOPPED, PAUSED, CONNECTING, SUBSCRIBING, UP };

struct fw_mqtt {
	unsigned magic;
	struct fw_loop *loop;
	struct fw_mqtt_handlers handlers;
	MQTTAsync client; /* NULL after stop */

	struct fw_mqtt_profile profile;
	struct fw_mqtt_socket socket;
	struct fw_mqtt_outbox *outbox;

	enum phase phase; /* loop */
	unsigned failures;
	bool had_session; /* the broker should know one of ours */
	int64_t up_since_us;
	struct fw_timer *retry;
	uint64_t received_before; /* messages, when an answer was last asked for */

	struct fw_mqtt_events events;
	struct fw_watch *wake;

	_Atomic bool refused; /* by the handler, since the client was made */
	_Atomic bool up;
	_Atomic uint64_t connects, losses, sessions_lost, received, published, dropped;
};

static struct fw_mqtt *
of_context(void *context)
{
	struct fw_mqtt *m = context;

	assert(m && m->magic == MAGIC);
	return m;
}

/* ---------------------------------------------------------------- Paho's threads */

static void
put_failure(struct fw_mqtt *m, const char *what, const MQTTAsync_failureData5 *failure)
{
	const char *detail = NULL;

	if (failure && failure->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		detail = MQTTReasonCode_toString(failure->reasonCode);
	else if (failure && failure->code >= MQTTREASONCODE_UNSPECIFIED_ERROR) /* of a CONNACK */
		detail = MQTTReasonCode_toString((enum MQTTReasonCodes)failure->code);
	if (!detail && failure)
		detail = failure->message ? failure->message : MQTTAsync_strerror(failure->code);
	fw_mqtt_events_put(&m->events, FW_EVENT_DOWN, what, detail ? detail : "no answer");
}

/* Paho acknowledges in any case; it must not reach the broker. */
static void
refuse(struct fw_mqtt *m)
{
	atomic_store(&m->refused, true);
	fw_mqtt_events_put(&m->events, FW_EVENT_DOWN,
	    "a message was refused, the connection is cut: the broker keeps it", "");
	if (fw_mqtt_socket_cut(&m->socket) == 0)
		fw_error("mqtt %s a message was refused, and its acknowledgement not held back",
		    m->profile.client_id);
}

static int
on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct fw_mqtt *m = of_context(context);
	size_t n = topic_len > 0 ? (size_t)topic_len : strlen(topic);

	atomic_fetch_add_explicit(&m->received, 1, memory_order_relaxed);
	if (!m->handlers.message(
		topic, n, message->payload, (size_t)message->payloadlen, m->handlers.context))
		refuse(m);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1; /* Paho acknowledges in any case; 0 would only keep the message in its memory */
}

static void
on_connected(void *context, MQTTAsync_successData5 *response)
{
	struct fw_mqtt *m = of_context(context);

	fw_mqtt_socket_find(&m->socket);
	fw_mqtt_events_put(&m->events,
	    response->alt.connect.sessionPresent ? FW_EVENT_CONNECTED : FW_EVENT_CONNECTED_ANEW, "",
	    "");
}

static void
on_connect_failed(void *context, MQTTAsync_failureData5 *failure)
{
	put_failure(of_context(context), "cannot connect", failure);
}

static void
on_lost(void *context, char *cause)
{
	fw_mqtt_events_put(
	    &of_context(context)->events, FW_EVENT_DOWN, "connection lost", cause ? cause : "");
}

static void
on_server_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	const char *text = MQTTReasonCode_toString(reason);

	(void)properties;
	fw_mqtt_events_put(&of_context(context)->events,
	    reason == MQTTREASONCODE_SESSION_TAKEN_OVER ? FW_EVENT_TAKEN_OVER : FW_EVENT_DOWN,
	    "the broker disconnected", text ? text : "");
}

static void
on_subscribed(void *context, MQTTAsync_successData5 *response)
{
	struct fw_mqtt *m = of_context(context);

	/* Paho fills the array for more than one filter alone; for one it is not even NULL. */
	for (int i = 0; i < response->alt.sub.reasonCodeCount; i++) {
		enum MQTTReasonCodes code = response->alt.sub.reasonCodeCount == 1
						? response->reasonCode
						: response->alt.sub.reasonCodes[i];

		if (code < MQTTREASONCODE_UNSPECIFIED_ERROR)
			continue;
		fw_mqtt_events_put(&m->events, FW_EVENT_DOWN, "subscription refused",
		    MQTTReasonCode_toString(code));
		return;
	}
	fw_mqtt_events_put(&m->events, FW_EVENT_SUBSCRIBED, "", "");
}

static void
on_subscribe_failed(void *context, MQTTAsync_failureData5 *failure)
{
	put_failure(of_context(context), "subscription refused", failure);
}

static void
on_closed(void *context, MQTTAsync_successData5 *response)
{
	(void)response;
	fw_mqtt_events_put(&of_context(context)->events, FW_EVENT_CLOSED, "", "");
}

static void
on_close_failed(void *context, MQTTAsync_failureData5 *failure)
{
	(void)failure;
	fw_mqtt_events_put(&of_context(context)->events, FW_EVENT_CLOSED, "", "");
}

/* ---------------------------------------------------------------- the outbox's thread */

/* The client is there: it is not destroyed before the outbox is empty.  Paho's queue may be full:
 * while the session is up, that passes. */
static void
hand_over(const char *topic, const void *payload, size_t len, int qos, void *context)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	struct fw_mqtt *m = of_context(context);
	MQTTAsync_message message = MQTTAsync_message_initializer;
	int rc;

	message.payload = (void *)(uintptr_t)payload;
	message.payloadlen = (int)len;
	message.qos = qos;
	while ((rc = MQTTAsync_sendMessage(m->client, topic, &message, NULL)) ==
		   MQTTASYNC_MAX_BUFFERED_MESSAGES &&
	       atomic_load(&m->up))
		nanosleep(&pause, NULL);
	if (rc == MQTTASYNC_SUCCESS)
		atomic_fetch_add(&m->published, 1);
	else
		atomic_fetch_add(&m->dropped, 1);
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

static MQTTProperty
four_byte(enum MQTTPropertyCodes code, int64_t value)
{
	MQTTProperty p = {.identifier = code};

	p.value.integer4 = (unsigned)value;
	return p;
}

static void
fill_properties(const struct fw_mqtt *m, MQTTProperties *out)
{
	MQTTProperty expiry =
	    four_byte(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, m->profile.session_expiry_s);
	MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};

	maximum.value.integer2 = (unsigned short)m->profile.receive_maximum;
	if (MQTTProperties_add(out, &expiry) != 0 || MQTTProperties_add(out, &maximum) != 0)
		abort();
}

/* Paho gives a silent connection up after two and a half intervals; it is to be one and a half of
 * ours, which is when the broker gives up, too. */
static int
paho_keepalive_s(int ours_s)
{
	return ours_s * 3 / 5;
}

static void
await_answer(struct fw_mqtt *m)
{
	m->received_before = atomic_load(&m->received);
	fw_timer_set(m->retry, ANSWER_WITHIN_US);
}

static int
create(struct fw_mqtt *m)
{
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
	int rc;

	options.maxBufferedMessages = BUFFERED_MOST;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	rc = MQTTAsync_createWithOptions(&m->client, m->profile.uri, m->profile.client_id,
	    MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setCallbacks(m->client, m, on_lost, on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setDisconnected(m->client, m, on_server_disconnect);
	return rc;
}

/* Destroying the client, not the disconnect, is what makes sure that Paho takes in and acknowledges
 * nothing more. */
static void
destroy(struct fw_mqtt *m, MQTTAsync *client)
{
	MQTTAsync_destroy(client);
	atomic_store(&m->refused, false);
	fw_mqtt_events_take(&m->events);
	m->events.taken.count = 0;
}

static void
create_again(struct fw_mqtt *m)
{
	if (create(m) != MQTTASYNC_SUCCESS)
		abort(); /* the same options were accepted before: memory */
}

/* Where a PUBACK had to wait for the socket, Paho would send it by the next connection.  The new
 * client is made first: with its last one Paho stops its threads, and waits for them. */
static void
forget_acknowledgements(struct fw_mqtt *m)
{
	MQTTAsync old = m->client;

	if (!atomic_load(&m->refused))
		return;
	fw_mqtt_outbox_drain(m->outbox);
	create_again(m);
	destroy(m, &old);
}

static void
connect_now(void *context)
{
	struct fw_mqtt *m = of_context(context);
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	int rc;

	forget_acknowledgements(m);
	fill_properties(m, &properties);
	options.cleanstart = 0;
	options.connectProperties = &properties;
	options.keepAliveInterval = paho_keepalive_s(m->profile.keepalive_s);
	options.connectTimeout = CONNECT_TIMEOUT_S;
	options.username = *m->profile.username ? m->profile.username : NULL;
	options.password = *m->profile.password ? m->profile.password : NULL;
	options.onSuccess5 = on_connected;
	options.onFailure5 = on_connect_failed;
	options.context = m;
	if (*m->profile.ca_file) {
		tls.trustStore = m->profile.ca_file;
		tls.keyStore = *m->profile.cert_file ? m->profile.cert_file : NULL;
		tls.privateKey = *m->profile.key_file ? m->profile.key_file : NULL;
		tls.enableServerCertAuth = 1;
		tls.verify = 1;
		tls.disableDefaultTrustStore = 1;
		options.ssl = &tls;
	}
	m->phase = CONNECTING;
	await_answer(m);
	rc = MQTTAsync_connect(m->client, &options);
	MQTTProperties_free(&properties);
	if (rc != MQTTASYNC_SUCCESS)
		go_down(m, FW_MQTT_LOST,
		    MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "cannot connect");
}

/* Closes a connection that is of no use; the pause before the next attempt is running. */
static void
hang_up(struct fw_mqtt *m)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	if (MQTTAsync_isConnected(m->client))
		(void)MQTTAsync_disconnect(m->client, &options);
}

/* What is retained comes with a new subscription only, not with every connect. */
static void
set_subscribe_options(MQTTAsync_responseOptions *out, int filters)
{
	out->subscribeOptions.retainHandling = 1; /* of one filter */
	out->subscribeOptionsCount = filters;
	out->subscribeOptionsList = fw_calloc((size_t)filters, sizeof(out->subscribeOptions));
	for (int i = 0; i < filters; i++)
		out->subscribeOptionsList[i] = out->subscribeOptions;
}

static void
subscribe(struct fw_mqtt *m)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	int rc;

	set_subscribe_options(&options, m->profile.filter_count);
	options.onSuccess5 = on_subscribed;
	options.onFailure5 = on_subscribe_failed;
	options.context = m;
	m->phase = SUBSCRIBING;
	await_answer(m);
	atomic_fetch_add(&m->connects, 1);
	rc = MQTTAsync_subscribeMany(m->client, m->profile.filter_count, m->profile.filters,
	    m->profile.filter_qos, &options);
	free(options.subscribeOptionsList);
	if (rc == MQTTASYNC_SUCCESS)
		return;
	go_down(m, FW_MQTT_LOST, "cannot subscribe");
	hang_up(m);
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
		if (atomic_load(&m->received) != m->received_before) {
			await_answer(m); /* it stands behind what the broker had queued */
			return;
		}
		/* fall through */
	case CONNECTING:
		go_down(m, FW_MQTT_LOST, "no answer from the broker");
		hang_up(m);
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
			hang_up(m); /* it was given up meanwhile */
		return;
	case FW_EVENT_SUBSCRIBED:
		if (m->phase == SUBSCRIBING)
			come_up(m);
		return;
	case FW_EVENT_DOWN:
	case FW_EVENT_TAKEN_OVER:
		go_down(m, e->kind == FW_EVENT_DOWN ? FW_MQTT_LOST : FW_MQTT_TAKEN_OVER, e->why);
		if (m->phase == PAUSED)
			hang_up(m);
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
	fw_mqtt_profile_init(&m->profile, options);
	fw_mqtt_socket_add(&m->socket, options->port);
	m->outbox = fw_mqtt_outbox_new(hand_over, m);
	m->had_session = options->had_session;
	fw_mqtt_events_init(&m->events);
	m->wake = fw_watch_new(loop, m->events.fd, FW_READ, woken, m);
	m->retry = fw_timer_new(loop, retry_due, m);
	rc = create(m);
	if (rc != MQTTASYNC_SUCCESS) {
		snprintf(why, why_size, "%s: %s", m->profile.uri,
		    MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "refused");
		fw_mqtt_free(m);
		return FW_EINVAL;
	}
	*out = m;
	return FW_OK;
}

void
fw_mqtt_start(struct fw_mqtt *m)
{
	if (m->phase != STOPPED)
		return;
	if (!m->client)
		create_again(m);
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
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	if (m->phase == STOPPED)
		return;
	m->phase = STOPPED;
	atomic_store(&m->up, false);
	fw_timer_cancel(m->retry);
	fw_mqtt_outbox_drain(m->outbox);
	options.timeout = FLUSH_MS;
	options.onSuccess5 = on_closed;
	options.onFailure5 = on_close_failed;
	options.context = m;
	if (MQTTAsync_isConnected(m->client) &&
	    MQTTAsync_disconnect(m->client, &options) == MQTTASYNC_SUCCESS)
		wait_until_closed(m);
	destroy(m, &m->client);
}

void
fw_mqtt_free(struct fw_mqtt *m)
{
	if (!m)
		return;
	fw_mqtt_stop(m);
	if (m->client)
		MQTTAsync_destroy(&m->client);
	fw_timer_free(m->retry);
	fw_watch_free(m->wake);
	fw_mqtt_events_clear(&m->events);
	fw_mqtt_outbox_free(m->outbox);
	fw_mqtt_socket_remove(&m->socket);
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
	    .received = atomic_load(&m->received),
	    .published = atomic_load(&m->published),
	    .dropped = atomic_load(&m->dropped),
	};
}
