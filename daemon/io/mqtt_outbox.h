/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing messages of one session on their way to Paho.  Paho has one lock for the whole process
 * and holds it while a message is taken in, which for an alarm is a sync: a thread waits for it
 * here, so that the loop does not wait for the disk.
 */
#ifndef FW_IO_MQTT_OUTBOX_H
#define FW_IO_MQTT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct fw_mqtt_outbox;

/* Hands one message over, on the outbox's thread, in the order they were put. */
typedef void fw_mqtt_hand_over(
    const char *topic, const void *payload, size_t len, int qos, void *context);

struct fw_mqtt_outbox *fw_mqtt_outbox_new(fw_mqtt_hand_over *hand_over, void *context);

/* Copies; never waits for what is being handed over.  False: full. */
FW_MUST_CHECK bool fw_mqtt_outbox_put(
    struct fw_mqtt_outbox *o, const char *topic, const void *payload, size_t len, int qos);

/* Returns when all that was put has been handed over. */
void fw_mqtt_outbox_drain(struct fw_mqtt_outbox *o);

void fw_mqtt_outbox_free(struct fw_mqtt_outbox *o); /* drains; NULL is allowed */

#endif
