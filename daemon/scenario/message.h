/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT message that is being made, waits, or is in flight.  Messages are used again: a flood
 * allocates nothing. */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "scenario/scenario.h"

struct sim_device;

enum sim_kind { SIM_FIRST, SIM_RESEND, SIM_DUPLICATE, SIM_NO_REPORT };

/* A report within a message. */
struct sim_report {
	struct sim_device *device;
	uint32_t boot;
	uint64_t sequence;
	const char *events; /* summary for the ledger; lives as long as the scenario */
	bool claimed;       /* under another's identity */
	size_t at, len;     /* its bytes in the payload, tag and length included */
};

struct sim_message {
	STAILQ_ENTRY(sim_message) next;
	uint64_t number;
	enum sim_kind kind;
	enum sim_lane lane;
	const char *topic;
	const struct sim_device *via; /* whose topic it is; NULL for raw bytes */
	struct sim_report *reports;
	size_t report_count, report_cap;
	uint8_t *payload;
	size_t len, cap;
};

STAILQ_HEAD(sim_messages, sim_message);

struct sim_pool {
	struct sim_messages free;
};

void sim_pool_init(struct sim_pool *pool);
void sim_pool_fini(struct sim_pool *pool);

/* Empty. */
struct sim_message *sim_message_new(struct sim_pool *pool);
struct sim_message *sim_message_copy(struct sim_pool *pool, const struct sim_message *m);
void sim_message_free(struct sim_pool *pool, struct sim_message *m);

/* Room for n more bytes behind the payload; *len is the caller's to move. */
uint8_t *sim_message_room(struct sim_message *m, size_t n);

struct sim_report *sim_message_add(struct sim_message *m, const struct sim_report *r);

#endif
