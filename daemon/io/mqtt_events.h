/* SPDX-License-Identifier: Apache-2.0 */
/* What Paho's threads put down for the loop, in order; an eventfd wakes it. */
#ifndef FW_IO_MQTT_EVENTS_H
#define FW_IO_MQTT_EVENTS_H

#include <pthread.h>
#include <stddef.h>

#define FW_MQTT_WHY_BYTES 256

enum fw_mqtt_event_kind {
	FW_EVENT_CONNECTED,
	FW_EVENT_CONNECTED_ANEW, /* the broker knows no session of ours */
	FW_EVENT_SUBSCRIBED,
	FW_EVENT_DOWN,
	FW_EVENT_TAKEN_OVER,
	FW_EVENT_CLOSED
};

struct fw_mqtt_event {
	enum fw_mqtt_event_kind kind;
	char why[FW_MQTT_WHY_BYTES];
};

struct fw_mqtt_event_list {
	struct fw_mqtt_event *items;
	size_t count, cap;
};

struct fw_mqtt_events {
	int fd;               /* readable: there is something to take */
	pthread_mutex_t lock; /* guards `arrived` */
	struct fw_mqtt_event_list arrived;
	struct fw_mqtt_event_list taken; /* the loop's, until it takes again */
};

void fw_mqtt_events_init(struct fw_mqtt_events *e);
void fw_mqtt_events_clear(struct fw_mqtt_events *e);

/* why becomes "what: detail".  Any thread. */
void fw_mqtt_events_put(
    struct fw_mqtt_events *e, enum fw_mqtt_event_kind kind, const char *what, const char *detail);

/* Into `taken`.  Loop. */
void fw_mqtt_events_take(struct fw_mqtt_events *e);

#endif
