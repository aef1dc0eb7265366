/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MQTT 5 connection for all devices, on Eclipse Paho's MQTTAsync.  At most `window` messages
 * are in flight; each comes back to the caller, with its PUBACK, refused, or lost with the
 * connection.  All calls from one thread.
 */
#ifndef SIM_PUBLISHER_H
#define SIM_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "scenario/message.h"

struct sim_publisher;

struct sim_publisher_options {
	const char *host;
	int port;
	const char *username, *password; /* or NULL */
	int window;
	bool receipts; /* subscribe to them */
	int64_t connect_timeout_us;
};

struct sim_receipt {
	STAILQ_ENTRY(sim_receipt) next;
	char *topic;
	uint8_t *payload;
	size_t len;
};

STAILQ_HEAD(sim_receipts, sim_receipt);

/* What has come since the last time; the caller owns it. */
struct sim_arrivals {
	struct sim_messages acknowledged, refused, lost;
	struct sim_receipts receipts;
};

struct sim_publisher *sim_publisher_new(const struct sim_publisher_options *o);
void sim_publisher_free(struct sim_publisher *p); /* stopped before, and its arrivals taken */

/* FW_ECLOSED: the broker could not be reached within connect_timeout. */
FW_MUST_CHECK int sim_publisher_connect(struct sim_publisher *p);

size_t sim_publisher_room(struct sim_publisher *p);
size_t sim_publisher_in_flight(struct sim_publisher *p);

/* There must be room.  Takes the message. */
void sim_publisher_send(struct sim_publisher *p, struct sim_message *m);

/*
 * Waits at most wait_us for something to come and hands it over.  FW_ECLOSED: the connection is
 * gone; what was in flight is among the lost, and sim_publisher_connect is next.
 */
FW_MUST_CHECK int sim_publisher_wait(
    struct sim_publisher *p, int64_t wait_us, struct sim_arrivals *out);

/* Disconnects; waits at most 2 s.  The last arrivals are then to be taken with sim_publisher_wait.
 */
void sim_publisher_stop(struct sim_publisher *p);

void sim_receipt_free(struct sim_receipt *r);

#endif
