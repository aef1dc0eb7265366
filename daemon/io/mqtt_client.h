/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talk with Paho for one session: its client, the options, the callbacks on its threads.  It
 * decides nothing: what Paho tells is put down as events, in order, and mqtt.c, which alone calls
 * it, decides in the loop.  Paho's automatic reconnect is not used: it does not subscribe again.
 *
 * Where no thread is named, a function is the loop's.
 */
#ifndef FW_IO_MQTT_CLIENT_H
#define FW_IO_MQTT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/mqtt_events.h"
#include "io/mqtt_profile.h"

struct fw_mqtt_client;

/* Takes one message in, on Paho's receive thread; the PUBACK goes out when it returns true.  False:
 * the connection is cut before that, and FW_EVENT_DOWN follows. */
typedef bool fw_mqtt_take(
    const char *topic, size_t topic_len, const void *payload, size_t payload_len, void *context);

/* Open, not connected.  Profile and events are borrowed until it is freed; of the events it only
 * puts.  FW_EINVAL: Paho refuses the profile, *why tells. */
FW_MUST_CHECK int fw_mqtt_client_new(struct fw_mqtt_client **out,
    const struct fw_mqtt_profile *profile, struct fw_mqtt_events *events, fw_mqtt_take *take,
    void *context, char *why, size_t why_size);
void fw_mqtt_client_free(struct fw_mqtt_client *c); /* closes; NULL is allowed */

/* After a close; nothing where it is open. */
void fw_mqtt_client_open(struct fw_mqtt_client *c);

/* Destroys Paho's client, which alone makes sure that it takes in and acknowledges nothing more.
 * Nobody may be sending. */
void fw_mqtt_client_close(struct fw_mqtt_client *c);

/* A message was refused since Paho's client was made.  Where a PUBACK had to wait for the socket,
 * that client would send it by its next connection: renew before. */
bool fw_mqtt_client_refused(const struct fw_mqtt_client *c);

/* A new client of Paho's in place of the old one, with all it had to send.  Nobody may be sending.
 */
void fw_mqtt_client_renew(struct fw_mqtt_client *c);

/* CONNECTED, CONNECTED_ANEW or DOWN follows.  FW_EREFUSED: nothing will, *why is a sentence. */
FW_MUST_CHECK int fw_mqtt_client_connect(struct fw_mqtt_client *c, const char **why);

/* To all filters of the profile; SUBSCRIBED or DOWN follows.  FW_EREFUSED: nothing will. */
FW_MUST_CHECK int fw_mqtt_client_subscribe(struct fw_mqtt_client *c);

/* Closes a connection that is of no use; nothing where there is none. */
void fw_mqtt_client_hang_up(struct fw_mqtt_client *c);

/* Closes the connection when what was sent has left, or soon.  True: CLOSED or DOWN follows. */
FW_MUST_CHECK bool fw_mqtt_client_disconnect(struct fw_mqtt_client *c);

/* Waits for Paho's lock, which may be for a sync of the disk: on the outbox's thread.  FW_EAGAIN:
 * Paho's queue is full.  FW_ECLOSED: it does not take it. */
FW_MUST_CHECK int fw_mqtt_client_send(
    struct fw_mqtt_client *c, const char *topic, const void *payload, size_t len, int qos);

/* Messages since the beginning, refused ones too.  Any thread. */
uint64_t fw_mqtt_client_received(const struct fw_mqtt_client *c);

#endif
