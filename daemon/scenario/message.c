/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and the pool they return to; see message.h. */
#include "scenario/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
sim_pool_init(struct sim_pool *pool)
{
	STAILQ_INIT(&pool->free);
}

void
sim_pool_fini(struct sim_pool *pool)
{
	struct sim_message *m;

	while ((m = STAILQ_FIRST(&pool->free))) {
		STAILQ_REMOVE_HEAD(&pool->free, next);
		free(m->reports);
		free(m->payload);
		free(m);
	}
}

struct sim_message *
sim_message_new(struct sim_pool *pool)
{
	struct sim_message *m = STAILQ_FIRST(&pool->free);

	if (!m)
		return fw_calloc(1, sizeof(*m));
	STAILQ_REMOVE_HEAD(&pool->free, next);
	m->report_count = m->len = 0;
	m->via = NULL;
	m->kind = SIM_FIRST;
	return m;
}

struct sim_message *
sim_message_copy(struct sim_pool *pool, const struct sim_message *m)
{
	struct sim_message *copy = sim_message_new(pool);

	copy->kind = m->kind;
	copy->lane = m->lane;
	copy->topic = m->topic;
	copy->via = m->via;
	memcpy(sim_message_room(copy, m->len + 1), m->payload, m->len);
	copy->len = m->len;
	for (size_t i = 0; i < m->report_count; i++)
		sim_message_add(copy, &m->reports[i]);
	return copy;
}

void
sim_message_free(struct sim_pool *pool, struct sim_message *m)
{
	STAILQ_INSERT_HEAD(&pool->free, m, next);
}

uint8_t *
sim_message_room(struct sim_message *m, size_t n)
{
	m->payload = fw_grow(m->payload, &m->cap, m->len + n, 1);
	return m->payload + m->len;
}

struct sim_report *
sim_message_add(struct sim_message *m, const struct sim_report *r)
{
	m->reports = fw_grow(m->reports, &m->report_cap, m->report_count + 1, sizeof(*m->reports));
	m->reports[m->report_count] = *r;
	return &m->reports[m->report_count++];
}
