/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers that change places: one is filled while the other is handed over; see mqtt_outbox.h.
 */
#include "io/mqtt_outbox.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MOST_BYTES ((size_t)16 << 20)

struct head { /* then the topic with its NUL, then the payload */
	size_t topic_bytes, payload_bytes;
	int qos;
};

struct buffer {
	uint8_t *bytes;
	size_t used, cap;
};

struct fw_mqtt_outbox {
	fw_mqtt_hand_over *hand_over;
	void *context;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied; /* under lock */
	struct buffer filling;          /* lock */
	struct buffer leaving;          /* the thread's */
	bool busy, stopping;            /* lock; busy: `leaving` holds something */
};

static void
hand_over_all(struct fw_mqtt_outbox *o)
{
	const uint8_t *at = o->leaving.bytes, *end = at + o->leaving.used;
	struct head head;

	while (at < end) {
		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		o->hand_over((const char *)at, at + head.topic_bytes, head.payload_bytes, head.qos,
		    o->context);
		at += head.topic_bytes + head.payload_bytes;
	}
	o->leaving.used = 0;
}

/* False: it is time to end, and nothing is left. */
static bool
take(struct fw_mqtt_outbox *o)
{
	struct buffer swap;

	pthread_mutex_lock(&o->lock);
	o->busy = false;
	if (o->filling.used == 0)
		pthread_cond_broadcast(&o->emptied);
	while (o->filling.used == 0 && !o->stopping)
		pthread_cond_wait(&o->filled, &o->lock);
	swap = o->leaving;
	o->leaving = o->filling;
	o->filling = swap;
	o->busy = o->leaving.used > 0;
	pthread_mutex_unlock(&o->lock);
	return o->leaving.used > 0;
}

static void *
run(void *outbox)
{
	struct fw_mqtt_outbox *o = outbox;

	while (take(o))
		hand_over_all(o);
	return NULL;
}

struct fw_mqtt_outbox *
fw_mqtt_outbox_new(fw_mqtt_hand_over *hand_over, void *context)
{
	struct fw_mqtt_outbox *o = fw_calloc(1, sizeof(*o));

	o->hand_over = hand_over;
	o->context = context;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->filled, NULL);
	pthread_cond_init(&o->emptied, NULL);
	if (pthread_create(&o->thread, NULL, run, o) != 0)
		abort();
	return o;
}

static void
append(struct buffer *b, const void *bytes, size_t count)
{
	if (count)
		memcpy(b->bytes + b->used, bytes, count);
	b->used += count;
}

bool
fw_mqtt_outbox_put(
    struct fw_mqtt_outbox *o, const char *topic, const void *payload, size_t len, int qos)
{
	struct head head = {strlen(topic) + 1, len, qos};
	struct buffer *b = &o->filling;
	bool room;

	pthread_mutex_lock(&o->lock);
	room = len <= MOST_BYTES && b->used + sizeof(head) + head.topic_bytes + len <= MOST_BYTES;
	if (room) {
		b->bytes =
		    fw_grow(b->bytes, &b->cap, b->used + sizeof(head) + head.topic_bytes + len, 1);
		append(b, &head, sizeof(head));
		append(b, topic, head.topic_bytes);
		append(b, payload, len);
		pthread_cond_signal(&o->filled);
	}
	pthread_mutex_unlock(&o->lock);
	return room;
}

void
fw_mqtt_outbox_drain(struct fw_mqtt_outbox *o)
{
	pthread_mutex_lock(&o->lock);
	while (o->busy || o->filling.used > 0)
		pthread_cond_wait(&o->emptied, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

void
fw_mqtt_outbox_free(struct fw_mqtt_outbox *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	pthread_cond_signal(&o->filled);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	pthread_cond_destroy(&o->emptied);
	pthread_cond_destroy(&o->filled);
	pthread_mutex_destroy(&o->lock);
	free(o->filling.bytes);
	free(o->leaving.bytes);
	free(o);
}
