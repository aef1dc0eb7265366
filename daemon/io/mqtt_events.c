/* SPDX-License-Identifier: Apache-2.0 */
/* From Paho's threads to the loop; see mqtt_events.h. */
#include "io/mqtt_events.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

void
fw_mqtt_events_init(struct fw_mqtt_events *e)
{
	pthread_mutex_init(&e->lock, NULL);
	e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->fd < 0)
		abort();
}

void
fw_mqtt_events_clear(struct fw_mqtt_events *e)
{
	close(e->fd);
	pthread_mutex_destroy(&e->lock);
	free(e->arrived.items);
	free(e->taken.items);
}

void
fw_mqtt_events_put(
    struct fw_mqtt_events *e, enum fw_mqtt_event_kind kind, const char *what, const char *detail)
{
	struct fw_mqtt_event_list *l = &e->arrived;
	uint64_t one = 1;
	struct fw_mqtt_event *event;

	pthread_mutex_lock(&e->lock);
	l->items = fw_grow(l->items, &l->cap, l->count + 1, sizeof(*event));
	event = &l->items[l->count++];
	event->kind = kind;
	snprintf(
	    event->why, sizeof(event->why), "%s%s%s", what, *what && *detail ? ": " : "", detail);
	pthread_mutex_unlock(&e->lock);
	if (write(e->fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		abort(); /* an eventfd refuses only when it is closed */
}

void
fw_mqtt_events_take(struct fw_mqtt_events *e)
{
	struct fw_mqtt_event_list swap;
	uint64_t n;

	e->taken.count = 0;
	if (read(e->fd, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&e->lock);
	swap = e->taken;
	e->taken = e->arrived;
	e->arrived = swap;
	pthread_mutex_unlock(&e->lock);
}
