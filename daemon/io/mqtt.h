/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT 5 session on Eclipse Paho's MQTTAsync; the only module that sees Paho.
 *
 * `message` runs on Paho's receive thread, and the PUBACK goes out when it returns: make the
 * message durable in it, call nothing else.  Where it cannot be made durable, the connection is cut
 * before the PUBACK, and the broker brings the message again.  All other callbacks run in the loop.
 *
 * Connects and reconnects by itself with jittered back-off, and subscribes on every connect, since
 * a broker may have lost the session.  Retained messages come with a new subscription only.
 */
#ifndef FW_IO_MQTT_H
#define FW_IO_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct fw_mqtt;

struct fw_mqtt_options { /* strings are copied */
	const char *host;
	int port;
	const char *client_id;
	const char *username, *password;            /* "" none */
	const char *ca_file, *cert_file, *key_file; /* "" none; ca_file turns TLS on */
	int keepalive_s;
	int64_t session_expiry_s;
	int receive_maximum;        /* unacknowledged messages the broker may have under way */
	int64_t retry_max_ms;       /* longest pause between attempts */
	bool had_session;           /* by an earlier process: the broker should know it */
	const char *const *filters; /* topic filters, subscribed with QoS 1 */
	size_t filter_count;
};

enum fw_mqtt_change {
	FW_MQTT_UP,        /* connected and subscribed */
	FW_MQTT_LOST,      /* or refused; tries again by itself */
	FW_MQTT_TAKEN_OVER /* by another client of our id: waits for fw_mqtt_resume, or for as long
			      as retry_max_ms, at most 30 s */
};

struct fw_mqtt_handlers {
	/* Paho's thread.  topic is not NUL-terminated.  False: it is not durable, and must not be
	 * acknowledged. */
	bool (*message)(const char *topic, size_t topic_len, const void *payload,
	    size_t payload_len, void *context);
	/* Loop.  why: a sentence when it is not up, "" else */
	void (*state)(enum fw_mqtt_change change, const char *why, void *context);
	void *context;
};

struct fw_mqtt_state { /* any thread may ask */
	bool up;
	uint64_t connects, losses;
	uint64_t sessions_lost;      /* by the broker, with what it held for us */
	uint64_t received;           /* messages handed to `message` */
	uint64_t published, dropped; /* outgoing; dropped: not connected, or a buffer full */
};

/* FW_EINVAL: Paho refuses the options, *why tells. */
FW_MUST_CHECK int fw_mqtt_new(struct fw_mqtt **out, struct fw_loop *loop,
    const struct fw_mqtt_options *options, const struct fw_mqtt_handlers *handlers, char *why,
    size_t why_size);

void fw_mqtt_start(struct fw_mqtt *m);

/* Tries now where it waits before the next attempt; else nothing.  Loop. */
void fw_mqtt_resume(struct fw_mqtt *m);

/* QoS 0 or 1, not retained.  Never waits, not for Paho either; what cannot be handed over is
 * dropped and counted.  Loop. */
void fw_mqtt_publish(
    struct fw_mqtt *m, const char *topic, const void *payload, size_t len, int qos);

/* Disconnects, keeping the session; no `message` runs after it returns, and `state` is not called.
   May be started again. Waits at most 2 s for what was published, and for a `message` that is
   running.  Loop. */
void fw_mqtt_stop(struct fw_mqtt *m);
void fw_mqtt_free(struct fw_mqtt *m); /* NULL is allowed */

void fw_mqtt_state(const struct fw_mqtt *m, struct fw_mqtt_state *out);

#endif
