/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's MQTTAsync, which only this file sees; see mqtt_client.h. */
#include "io/mqtt_client.h"

#include <MQTTAsync.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/mqtt_socket.h"

#define MAGIC 0x6d716363
#define CONNECT_TIMEOUT_S 10
#define BUFFERED_MOST 16384 /* outgoing messages in Paho's queue */
#define FLUSH_MS 500        /* on disconnect, for what is in that queue */

struct fw_mqtt_client {
	/* Set once, before Paho knows of it: any thread reads them. */
	unsigned magic;
	const struct fw_mqtt_profile *profile;
	struct fw_mqtt_events *events; /* Paho's threads put, under its lock */
	fw_mqtt_take *take;
	void *context;

	/* The loop's, to change only while nobody sends; NULL when closed.  The outbox's thread
	 * reads it to send. */
	MQTTAsync paho;

	struct fw_mqtt_socket socket; /* Paho's receive thread's, under a lock of its own */
	_Atomic bool refused;         /* set by Paho's receive thread, cleared by the loop */
	_Atomic uint64_t received;    /* counted by Paho's receive thread, read by any */
};

static struct fw_mqtt_client *
of_context(void *context)
{
	struct fw_mqtt_client *c = context;

	assert(c && c->magic == MAGIC);
	return c;
}

/* ---------------------------------------------------------------- Paho's threads */

static void
put_failure(struct fw_mqtt_client *c, const char *what, const MQTTAsync_failureData5 *failure)
{
	const char *detail = NULL;

	if (failure && failure->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		detail = MQTTReasonCode_toString(failure->reasonCode);
	else if (failure && failure->code >= MQTTREASONCODE_UNSPECIFIED_ERROR) /* of a CONNACK */
		detail = MQTTReasonCode_toString((enum MQTTReasonCodes)failure->code);
	if (!detail && failure)
		detail = failure->message ? failure->message : MQTTAsync_strerror(failure->code);
	fw_mqtt_events_put(c->events, FW_EVENT_DOWN, what, detail ? detail : "no answer");
}

/* Paho acknowledges in any case; it must not reach the broker. */
static void
refuse(struct fw_mqtt_client *c)
{
	atomic_store(&c->refused, true);
	fw_mqtt_events_put(c->events, FW_EVENT_DOWN,
	    "a message was refused, the connection is cut: the broker keeps it", "");
	if (fw_mqtt_socket_cut(&c->socket) == 0)
		fw_error("mqtt %s a message was refused, and its acknowledgement not held back",
		    c->profile->client_id);
}

static int
on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	struct fw_mqtt_client *c = of_context(context);
	size_t n = topic_len > 0 ? (size_t)topic_len : strlen(topic);

	atomic_fetch_add_explicit(&c->received, 1, memory_order_relaxed);
	if (!c->take(topic, n, message->payload, (size_t)message->payloadlen, c->context))
		refuse(c);
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1; /* Paho acknowledges in any case; 0 would only keep the message in its memory */
}

static void
on_connected(void *context, MQTTAsync_successData5 *response)
{
	struct fw_mqtt_client *c = of_context(context);

	fw_mqtt_socket_find(&c->socket);
	fw_mqtt_events_put(c->events,
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
	    of_context(context)->events, FW_EVENT_DOWN, "connection lost", cause ? cause : "");
}

static void
on_server_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	const char *text = MQTTReasonCode_toString(reason);

	(void)properties;
	fw_mqtt_events_put(of_context(context)->events,
	    reason == MQTTREASONCODE_SESSION_TAKEN_OVER ? FW_EVENT_TAKEN_OVER : FW_EVENT_DOWN,
	    "the broker disconnected", text ? text : "");
}

static void
on_subscribed(void *context, MQTTAsync_successData5 *response)
{
	struct fw_mqtt_client *c = of_context(context);

	/* Paho fills the array for more than one filter alone; for one it is not even NULL. */
	for (int i = 0; i < response->alt.sub.reasonCodeCount; i++) {
		enum MQTTReasonCodes code = response->alt.sub.reasonCodeCount == 1
						? response->reasonCode
						: response->alt.sub.reasonCodes[i];

		if (code < MQTTREASONCODE_UNSPECIFIED_ERROR)
			continue;
		fw_mqtt_events_put(c->events, FW_EVENT_DOWN, "subscription refused",
		    MQTTReasonCode_toString(code));
		return;
	}
	fw_mqtt_events_put(c->events, FW_EVENT_SUBSCRIBED, "", "");
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
	fw_mqtt_events_put(of_context(context)->events, FW_EVENT_CLOSED, "", "");
}

static void
on_close_failed(void *context, MQTTAsync_failureData5 *failure)
{
	(void)failure;
	fw_mqtt_events_put(of_context(context)->events, FW_EVENT_CLOSED, "", "");
}

/* ---------------------------------------------------------------- the outbox's thread */

int
fw_mqtt_client_send(
    struct fw_mqtt_client *c, const char *topic, const void *payload, size_t len, int qos)
{
	MQTTAsync_message message = MQTTAsync_message_initializer;
	int rc;

	message.payload = (void *)(uintptr_t)payload;
	message.payloadlen = (int)len;
	message.qos = qos;
	rc = MQTTAsync_sendMessage(c->paho, topic, &message, NULL);
	if (rc == MQTTASYNC_MAX_BUFFERED_MESSAGES)
		return FW_EAGAIN;
	return rc == MQTTASYNC_SUCCESS ? FW_OK : FW_ECLOSED;
}

/* ---------------------------------------------------------------- the loop: Paho's client */

static int
create(struct fw_mqtt_client *c)
{
	MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
	int rc;

	options.maxBufferedMessages = BUFFERED_MOST;
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	rc = MQTTAsync_createWithOptions(&c->paho, c->profile->uri, c->profile->client_id,
	    MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setCallbacks(c->paho, c, on_lost, on_message, NULL);
	if (rc == MQTTASYNC_SUCCESS)
		rc = MQTTAsync_setDisconnected(c->paho, c, on_server_disconnect);
	return rc;
}

static void
create_again(struct fw_mqtt_client *c)
{
	if (create(c) != MQTTASYNC_SUCCESS)
		abort(); /* the same options were accepted before: memory */
}

int
fw_mqtt_client_new(struct fw_mqtt_client **out, const struct fw_mqtt_profile *profile,
    struct fw_mqtt_events *events, fw_mqtt_take *take, void *context, char *why, size_t why_size)
{
	struct fw_mqtt_client *c = fw_calloc(1, sizeof(*c));
	int rc;

	c->magic = MAGIC;
	c->profile = profile;
	c->events = events;
	c->take = take;
	c->context = context;
	fw_mqtt_socket_add(&c->socket, profile->port);
	rc = create(c);
	if (rc != MQTTASYNC_SUCCESS) {
		snprintf(why, why_size, "%s: %s", profile->uri,
		    MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "refused");
		fw_mqtt_client_free(c);
		return FW_EINVAL;
	}
	*out = c;
	return FW_OK;
}

void
fw_mqtt_client_free(struct fw_mqtt_client *c)
{
	if (!c)
		return;
	fw_mqtt_client_close(c);
	fw_mqtt_socket_remove(&c->socket);
	c->magic = 0;
	free(c);
}

void
fw_mqtt_client_open(struct fw_mqtt_client *c)
{
	if (!c->paho)
		create_again(c);
}

void
fw_mqtt_client_close(struct fw_mqtt_client *c)
{
	if (!c->paho)
		return;
	MQTTAsync_destroy(&c->paho);
	atomic_store(&c->refused, false);
}

/* The new client is made first: with its last one Paho stops its threads, and waits for them. */
void
fw_mqtt_client_renew(struct fw_mqtt_client *c)
{
	MQTTAsync old = c->paho;

	create_again(c);
	MQTTAsync_destroy(&old);
	atomic_store(&c->refused, false);
}

bool
fw_mqtt_client_refused(const struct fw_mqtt_client *c)
{
	return atomic_load(&c->refused);
}

uint64_t
fw_mqtt_client_received(const struct fw_mqtt_client *c)
{
	return atomic_load(&c->received);
}

/* ---------------------------------------------------------------- the loop: its connection */

static void
fill_properties(const struct fw_mqtt_profile *profile, MQTTProperties *out)
{
	MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
	MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};

	expiry.value.integer4 = (unsigned)profile->session_expiry_s;
	maximum.value.integer2 = (unsigned short)profile->receive_maximum;
	if (MQTTProperties_add(out, &expiry) != 0 || MQTTProperties_add(out, &maximum) != 0)
		abort();
}

static void
fill_tls(const struct fw_mqtt_profile *profile, MQTTAsync_SSLOptions *out)
{
	out->trustStore = profile->ca_file;
	out->keyStore = *profile->cert_file ? profile->cert_file : NULL;
	out->privateKey = *profile->key_file ? profile->key_file : NULL;
	out->enableServerCertAuth = 1;
	out->verify = 1;
	out->disableDefaultTrustStore = 1;
}

/* Paho gives a silent connection up after two and a half intervals; it is to be one and a half of
 * ours, which is when the broker gives up, too. */
static int
paho_keepalive_s(int ours_s)
{
	return ours_s * 3 / 5;
}

static void
fill_connect_options(struct fw_mqtt_client *c, MQTTAsync_connectOptions *out)
{
	const struct fw_mqtt_profile *p = c->profile;

	out->cleanstart = 0;
	out->keepAliveInterval = paho_keepalive_s(p->keepalive_s);
	out->connectTimeout = CONNECT_TIMEOUT_S;
	out->username = *p->username ? p->username : NULL;
	out->password = *p->password ? p->password : NULL;
	out->onSuccess5 = on_connected;
	out->onFailure5 = on_connect_failed;
	out->context = c;
}

int
fw_mqtt_client_connect(struct fw_mqtt_client *c, const char **why)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
	MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	int rc;

	fill_connect_options(c, &options);
	fill_properties(c->profile, &properties);
	options.connectProperties = &properties;
	if (*c->profile->ca_file) {
		fill_tls(c->profile, &tls);
		options.ssl = &tls;
	}
	rc = MQTTAsync_connect(c->paho, &options);
	MQTTProperties_free(&properties);
	if (rc == MQTTASYNC_SUCCESS)
		return FW_OK;
	*why = MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "cannot connect";
	return FW_EREFUSED;
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

int
fw_mqtt_client_subscribe(struct fw_mqtt_client *c)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	int rc;

	set_subscribe_options(&options, c->profile->filter_count);
	options.onSuccess5 = on_subscribed;
	options.onFailure5 = on_subscribe_failed;
	options.context = c;
	rc = MQTTAsync_subscribeMany(c->paho, c->profile->filter_count, c->profile->filters,
	    c->profile->filter_qos, &options);
	free(options.subscribeOptionsList);
	return rc == MQTTASYNC_SUCCESS ? FW_OK : FW_EREFUSED;
}

void
fw_mqtt_client_hang_up(struct fw_mqtt_client *c)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	if (MQTTAsync_isConnected(c->paho))
		(void)MQTTAsync_disconnect(c->paho, &options);
}

bool
fw_mqtt_client_disconnect(struct fw_mqtt_client *c)
{
	MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

	options.timeout = FLUSH_MS;
	options.onSuccess5 = on_closed;
	options.onFailure5 = on_close_failed;
	options.context = c;
	return MQTTAsync_isConnected(c->paho) &&
	       MQTTAsync_disconnect(c->paho, &options) == MQTTASYNC_SUCCESS;
}
