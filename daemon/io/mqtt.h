/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT 5 session on Eclipse Paho's MQTTAsync; the only module that sees Paho.
 *
 * `message` runs on Paho's receive thread, and the PUBACK goes out when it returns: make the
 * message durable in it, call nothing else.  All other callbacks run in the loop.  Connects and
 * reconnects by itself with jittered back-off, and subscribes on every connect, since a broker may
 * have lost the session.
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
	const char *const *filters; /* topic filters, subscribed with QoS 1 */
	size_t filter_count;
};

struct fw_mqtt_handlers {
	/* Paho's thread.  topic is not NUL-terminated. */
	void (*message)(const char *topic, size_t topic_len, const void *payload,
	    size_t payload_len, void *context);
	/* Loop. true: connected and subscribed.  why: a sentence when the connection was lost or
	 * refused, "" else */
	void (*state)(bool up, const char *why, void *context);
	void *context;
};

struct fw_mqtt_state { /* any thread may ask */
	bool up;
	uint64_t connects, losses;
	uint64_t received;           /* messages handed to `message` */
	uint64_t published, dropped; /* outgoing; dropped: not connected, or Paho's buffer full */
};

/* FW_EINVAL: Paho refuses the options, *why tells. */
FW_MUST_CHECK int fw_mqtt_new(struct fw_mqtt **out, struct fw_loop *loop,
    const struct fw_mqtt_options *options, const struct fw_mqtt_handlers *handlers, char *why,
    size_t why_size);

void fw_mqtt_start(struct fw_mqtt *m);

/* QoS 0 or 1, not retained.  Never waits; what cannot be handed over is dropped and counted.  Loop.
 */
void fw_mqtt_publish(
    struct fw_mqtt *m, const char *topic, const void *payload, size_t len, int qos);

/* Disconnects, keeping the session; no `message` runs after it returns, and `state` is not called.
   May be started again. Waits at most 2 s for what was published, and for a `message` that is
   running.  Loop. */
void fw_mqtt_stop(struct fw_mqtt *m);
void fw_mqtt_free(struct fw_mqtt *m); /* NULL is allowed */

void fw_mqtt_state(const struct fw_mqtt *m, struct fw_mqtt_state *out);

#endif
