/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT 5 session on MQTTAsync; see mqtt.h.  Paho's callbacks only put down what happened, under
 * a lock, and wake the loop by an eventfd; everything else is decided in the loop.  Paho's
 * automatic reconnect is not used: it does not subscribe again.
 */
#include "io/mqtt.h"

#include <MQTTAsync.h>
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"

#define MAGIC 0x6d717474
#define WHY_BYTES 256
#define RETRY_FIRST_MS 500
#define STABLE_US                                                                      \
	(10 * FW_S) /* a connection that held so long makes the next pause short again \
		     */
#define CONNECT_TIMEOUT_S 10
#define ANSWER_WITHIN_US (20 * FW_S) /* of a CONNECT, and of a SUBSCRIBE */
#define BUFFERED_MOST 16384          /* outgoing messages in Paho's queue */
#define FLUSH_MS 500                 /* on stop, for what is in that queue */
#define STOP_US (2 * FW_S)

/*
 * start -> CONNECTING -> SUBSCRIBING -> UP, and from any of the three to PAUSED when it fails, then
 * CONNECTING again. stop leads to STOPPED from everywhere.
 */
enum phase { STOPPED, PAUSED, CONNECTING, SUBSCRIBING, UP };

enum event_kind { EVENT_CONNECTED, EVENT_SUBSCRIBED, EVENT_DOWN, EVENT_CLOSED };

struct event {
	enum event_kind kind;
	char why[WHY_BYTES];
};

struct events {
	struct event *items;
	size_t count, cap;
};

struct fw_mqtt {
	unsigned magic;
	struct fw_loop *loop;
	struct fw_mqtt_handlers handlers;
	MQTTAsync client; /* NULL after stop */

	char *uri, *client_id, *username, *password, *ca_file, *cert_file, *key_file;
	char **filters;
	int *filter_qos;
	int filter_count;
	int keepalive_s, receive_maximum;
	int64_t session_expiry_s, retry_max_ms;

	enum phase phase; /* loop */
	unsigned failures;
	int64_t up_since_us;
	struct fw_timer *retry;

	pthread_mutex_t lock; /* guards `arrived` */
	struct events arrived, taken;
	int wake_fd;
	struct fw_watch *wake;

	_Atomic bool up;
	_Atomic uint64_t connects, losses, received, published, dropped;
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
put_event(struct fw_mqtt *m, enum event_kind kind, const char *what, const char *detail)
{
	uint64_t one = 1;
	struct event *e;

	pthread_mutex_lock(&m->lock);
	m->arrived.items =
	    fw_grow(m->arrived.items, &m->arrived.cap, m->arrived.count + 1, sizeof(*e));
	e = &m->arrived.items[m->arrived.count++];
	e->kind = kind;
	snprintf(e->why, sizeof(e->why), "%s%s%s", what, *what && *detail ? ": " : "", detail);
	pthread_mutex_unlock(&m->lock);
	if (write(m->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		abort(); /* an eventfd refuses only when it is closed */
}

static void
put_failure(struct fw_mqtt *m, const char *what, const MQTTAsync_failureData5 *failure)
{
	const char *detail = NULL;

	if (failure && failure->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		detail = MQTTReasonCode_toString(failure->reasonCode);
	if (!detail && failure)
		detail = failure->message ? failure->message : MQTTAsync_strerror(failure->code);
	put_event(m, EVENT_DOWN, what, detail ? detail : "no answer");
}

static int
on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct fw_mqtt *m = of_context(context);
	size_t n = topic_len > 0 ? (size_t)topic_len : strlen(topic);

	atomic_fetch_add_explicit(&m->received, 1, memory_order_relaxed);
	m->handlers.message(
	    topic, n, message->payload, (size_t)message->payloadlen, m->handlers.context);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1; /* Paho acknowledges in any case; 0 would only keep the message in its memory */
}

static void
on_connected(void *context, MQTTAsync_successData5 *response)
{
	(void)response;
	put_event(of_context(context), EVENT_CONNECTED, "", "");
}

static void
on_connect_failed(void *context, MQTTAsync_failureData5 *failure)
{
	put_failure(of_context(context), "cannot connect", failure);
}

static void
on_lost(void *context, char *cause)
{
	put_event(of_context(context), EVENT_DOWN, "connection lost", cause ? cause : "");
}

static void
on_server_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	const char *text = MQTTReasonCode_toString(reason);

	(void)properties;
	put_event(of_context(context), EVENT_DOWN, "the broker disconnected", text ? text : "");
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
		put_event(m, EVENT_DOWN, "subscription refused", MQTTReasonCode_toString(code));
		return;
	}
	put_event(m, EVENT_SUBSCRIBED, "", "");
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
	put_event(of_context(context), EVENT_CLOSED, "", "");
}

static void
on_close_failed(void *context, MQTTAsync_failureData5 *failure)
{
	(void)failure;
	put_event(of_context(context), EVENT_CLOSED, "", "");
}

/* ---------------------------------------------------------------- the loop */

/* Doubling, and between a half and the whole of it, so that thousands of clients do not come back
 * at one moment. */
static int64_t
pause_us(struct fw_mqtt *m)
{
	int64_t ms = RETRY_FIRST_MS;

	for (unsigned i = 0; i < m->failures && ms < m->retry_max_ms; i++)
		ms *= 2;
	if (ms > m->retry_max_ms)
		ms = m->retry_max_ms;
	return (ms / 2 + (int64_t)arc4random_uniform((uint32_t)(ms / 2) + 1)) * FW_MS;
}

static void
go_down(struct fw_mqtt *m, const char *why)
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
	fw_timer_set(m->retry, pause_us(m));
	m->failures++;
	m->handlers.state(false, why, m->handlers.context);
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
	    four_byte(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, m->session_expiry_s);
	MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};

	maximum.value.integer2 = (unsigned short)m->receive_maximum;
	if (MQTTProperties_add(out, &expiry) != 0 || MQTTProperties_add(out, &maximum) != 0)
		abort();
}

static void
connect_now(void *context)
{
	struct fw_mqtt *m = of_context(context);
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	int rc;

	fill_properties(m, &properties);
	options.cleanstart = 0;
	options.connectProperties = &properties;
	options.keepAliveInterval = m->keepalive_s;
	options.connectTimeout = CONNECT_TIMEOUT_S;
	options.username = *m->username ? m->username : NULL;
	options.password = *m->password ? m->password : NULL;
	options.onSuccess5 = on_connected;
	options.onFailure5 = on_connect_failed;
	options.context = m;
	if (*m->ca_file) {
		tls.trustStore = m->ca_file;
		tls.keyStore = *m->cert_file ? m->cert_file : NULL;
		tls.privateKey = *m->key_file ? m->key_file : NULL;
		tls.enableServerCertAuth = 1;
		tls.verify = 1;
		tls.disableDefaultTrustStore = 1;
		options.ssl = &tls;
	}
	m->phase = CONNECTING;
	fw_timer_set(m->retry, ANSWER_WITHIN_US);
	rc = MQTTAsync_connect(m->client, &options);
	MQTTProperties_free(&properties);
	if (rc != MQTTASYNC_SUCCESS)
		go_down(m, MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "cannot connect");
}

/* Closes a connection that is of no use; the pause before the next attempt is running. */
static void
hang_up(struct fw_mqtt *m)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	if (MQTTAsync_isConnected(m->client))
		(void)MQTTAsync_disconnect(m->client, &options);
}

static void
subscribe(struct fw_mqtt *m)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	int rc;

	options.onSuccess5 = on_subscribed;
	options.onFailure5 = on_subscribe_failed;
	options.context = m;
	m->phase = SUBSCRIBING;
	fw_timer_set(m->retry, ANSWER_WITHIN_US);
	atomic_fetch_add(&m->connects, 1);
	rc = MQTTAsync_subscribeMany(
	    m->client, m->filter_count, m->filters, m->filter_qos, &options);
	if (rc == MQTTASYNC_SUCCESS)
		return;
	go_down(m, "cannot subscribe");
	hang_up(m);
}

static void
come_up(struct fw_mqtt *m)
{
	m->phase = UP;
	fw_timer_cancel(m->retry);
	m->up_since_us = fw_loop_now_us(m->loop);
	atomic_store(&m->up, true);
	m->handlers.state(true, "", m->handlers.context);
}

static void
retry_due(void *context)
{
	struct fw_mqtt *m = of_context(context);

	switch (m->phase) {
	case PAUSED:
		connect_now(m);
		return;
	case CONNECTING:
	case SUBSCRIBING:
		go_down(m, "no answer from the broker");
		hang_up(m);
		return;
	case STOPPED:
	case UP:
		return;
	}
}

static void
handle(struct fw_mqtt *m, const struct event *e)
{
	switch (e->kind) {
	case EVENT_CONNECTED:
		if (m->phase == CONNECTING)
			subscribe(m);
		else if (m->phase == PAUSED)
			hang_up(m); /* it was given up meanwhile */
		return;
	case EVENT_SUBSCRIBED:
		if (m->phase == SUBSCRIBING)
			come_up(m);
		return;
	case EVENT_DOWN:
		go_down(m, e->why);
		if (m->phase == PAUSED)
			hang_up(m);
		return;
	case EVENT_CLOSED:
		return;
	}
}

static void
take_events(struct fw_mqtt *m)
{
	struct events swap;
	uint64_t n;

	if (read(m->wake_fd, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&m->lock);
	swap = m->taken;
	m->taken = m->arrived;
	m->arrived = swap;
	m->arrived.count = 0;
	pthread_mutex_unlock(&m->lock);
}

static void
woken(int what, void *context)
{
	struct fw_mqtt *m = of_context(context);

	(void)what;
	take_events(m);
	for (size_t i = 0; i < m->taken.count; i++)
		handle(m, &m->taken.items[i]);
	m->taken.count = 0;
}

static int
create(struct fw_mqtt *m)
{
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
	int rc;

	options.maxBufferedMessages = BUFFERED_MOST;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	rc = MQTTAsync_createWithOptions(
	    &m->client, m->uri, m->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setCallbacks(m->client, m, on_lost, on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setDisconnected(m->client, m, on_server_disconnect);
	return rc;
}

static char *
make_uri(const struct fw_mqtt_options *o)
{
	bool v6 = strchr(o->host, ':') != NULL;
	char uri[320];

	snprintf(uri, sizeof(uri), "%s://%s%s%s:%d", *o->ca_file ? "ssl" : "tcp", v6 ? "[" : "",
	    o->host, v6 ? "]" : "", o->port);
	return fw_strdup(uri);
}

static void
copy_options(struct fw_mqtt *m, const struct fw_mqtt_options *o)
{
	m->uri = make_uri(o);
	m->client_id = fw_strdup(o->client_id);
	m->username = fw_strdup(o->username);
	m->password = fw_strdup(o->password);
	m->ca_file = fw_strdup(o->ca_file);
	m->cert_file = fw_strdup(o->cert_file);
	m->key_file = fw_strdup(o->key_file);
	m->filters = fw_calloc(o->filter_count, sizeof(*m->filters));
	m->filter_qos = fw_calloc(o->filter_count, sizeof(*m->filter_qos));
	m->filter_count = (int)o->filter_count;
	for (int i = 0; i < m->filter_count; i++) {
		m->filters[i] = fw_strdup(o->filters[i]);
		m->filter_qos[i] = 1;
	}
	m->keepalive_s = o->keepalive_s;
	m->receive_maximum = o->receive_maximum;
	m->session_expiry_s = o->session_expiry_s;
	m->retry_max_ms = o->retry_max_ms;
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
	copy_options(m, options);
	pthread_mutex_init(&m->lock, NULL);
	m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->wake_fd < 0)
		abort();
	m->wake = fw_watch_new(loop, m->wake_fd, FW_READ, woken, m);
	m->retry = fw_timer_new(loop, retry_due, m);
	rc = create(m);
	if (rc != MQTTASYNC_SUCCESS) {
		snprintf(why, why_size, "%s: %s", m->uri,
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
	if (!m->client && create(m) != MQTTASYNC_SUCCESS)
		abort(); /* the same options were accepted before: memory */
	m->failures = 0;
	connect_now(m);
}

void
fw_mqtt_publish(struct fw_mqtt *m, const char *topic, const void *payload, size_t len, int qos)
{
	MQTTAsync_message message = MQTTAsync_message_initializer;

	message.payload = (void *)(uintptr_t)payload;
	message.payloadlen = (int)len;
	message.qos = qos;
	if (m->phase == UP && len <= INT_MAX &&
	    MQTTAsync_sendMessage(m->client, topic, &message, NULL) == MQTTASYNC_SUCCESS)
		atomic_fetch_add(&m->published, 1);
	else
		atomic_fetch_add(&m->dropped, 1);
}

static void
wait_until_closed(struct fw_mqtt *m)
{
	int64_t end_us = fw_loop_now_us(m->loop) + STOP_US, left_us;

	while ((left_us = end_us - fw_loop_now_us(m->loop)) > 0 && left_us <= STOP_US) {
		struct pollfd p = {.fd = m->wake_fd, .events = POLLIN};

		if (poll(&p, 1, (int)(left_us / FW_MS) + 1) <= 0)
			continue;
		take_events(m);
		for (size_t i = 0; i < m->taken.count; i++)
			if (m->taken.items[i].kind == EVENT_CLOSED ||
			    m->taken.items[i].kind == EVENT_DOWN)
				return;
	}
}

/* Destroying the client, not the disconnect, is what makes sure that Paho takes in and acknowledges
 * nothing more. */
void
fw_mqtt_stop(struct fw_mqtt *m)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	if (m->phase == STOPPED)
		return;
	m->phase = STOPPED;
	atomic_store(&m->up, false);
	fw_timer_cancel(m->retry);
	options.timeout = FLUSH_MS;
	options.onSuccess5 = on_closed;
	options.onFailure5 = on_close_failed;
	options.context = m;
	if (MQTTAsync_isConnected(m->client) &&
	    MQTTAsync_disconnect(m->client, &options) == MQTTASYNC_SUCCESS)
		wait_until_closed(m);
	MQTTAsync_destroy(&m->client);
	take_events(m);
	m->taken.count = 0;
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
	close(m->wake_fd);
	pthread_mutex_destroy(&m->lock);
	for (int i = 0; i < m->filter_count; i++)
		free(m->filters[i]);
	free(m->filters);
	free(m->filter_qos);
	free(m->uri);
	free(m->client_id);
	free(m->username);
	free(m->password);
	free(m->ca_file);
	free(m->cert_file);
	free(m->key_file);
	free(m->arrived.items);
	free(m->taken.items);
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
	    .received = atomic_load(&m->received),
	    .published = atomic_load(&m->published),
	    .dropped = atomic_load(&m->dropped),
	};
}
