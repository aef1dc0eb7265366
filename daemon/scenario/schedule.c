/* SPDX-License-Identifier: Apache-2.0 */
/* Lays a scenario out in time; see schedule.h. */
#include "scenario/schedule.h"

#include <stdlib.h>

#include "base/mem.h"
#include "scenario/device.h"

#define MOMENTS_MAX 10000000

static int
add(struct sim_schedule *s, int64_t at_us, double speed, const struct sim_action *action,
    size_t device)
{
	if (s->count == MOMENTS_MAX)
		return FW_ETOOBIG;
	s->moments = fw_grow(s->moments, &s->cap, s->count + 1, sizeof(*s->moments));
	s->moments[s->count] = (struct sim_moment){.at_us = (int64_t)((double)at_us / speed),
	    .order = s->count,
	    .action = action,
	    .device = device};
	s->count++;
	return FW_OK;
}

static int
add_action(struct sim_schedule *s, const struct sim_action *a, double speed, uint64_t *random)
{
	int rc = FW_OK;

	for (int64_t i = 0; i <= a->repeat.count && rc == FW_OK; i++) {
		int64_t at_us = a->at_us + i * a->repeat.every_us;

		if (a->spread_us == 0)
			rc = add(s, at_us, speed, a, SIM_NONE);
		for (size_t d = 0; a->spread_us > 0 && d < a->device_count && rc == FW_OK; d++) {
			int64_t later_us =
			    (int64_t)(sim_random_part(random) * (double)a->spread_us);

			rc = add(s, at_us + later_us, speed, a, a->devices[d]);
		}
	}
	return rc;
}

static int
add_heartbeats(
    struct sim_schedule *s, const struct sim_scenario *from, double speed, uint64_t *random)
{
	int rc = FW_OK;

	for (size_t d = 0; d < from->device_count; d++) {
		int64_t every_us = from->devices[d].heartbeat_us;
		int64_t at_us = (int64_t)(sim_random_part(random) * (double)every_us);

		for (; every_us > 0 && at_us < from->end_us && rc == FW_OK; at_us += every_us)
			rc = add(s, at_us, speed, NULL, d);
	}
	return rc;
}

static int
compare(const void *a, const void *b)
{
	const struct sim_moment *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

int
sim_schedule_make(
    struct sim_schedule *out, const struct sim_scenario *s, double speed, uint64_t *random)
{
	int rc = FW_OK;

	*out = (struct sim_schedule){0};
	for (size_t i = 0; i < s->action_count && rc == FW_OK; i++)
		rc = add_action(out, &s->actions[i], speed, random);
	if (rc == FW_OK)
		rc = add_heartbeats(out, s, speed, random);
	if (out->count > 0)
		qsort(out->moments, out->count, sizeof(*out->moments), compare);
	return rc;
}

void
sim_schedule_free(struct sim_schedule *s)
{
	free(s->moments);
}
