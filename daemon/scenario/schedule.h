/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario laid out in time: every repeat, every device of a spread and every heartbeat at its
 * moment. */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "scenario/scenario.h"

struct sim_moment {
	int64_t at_us;                   /* from the beginning, speed counted in */
	size_t order;                    /* of moments at the same time */
	const struct sim_action *action; /* NULL: a heartbeat */
	size_t device;                   /* SIM_NONE: all of the action's */
};

struct sim_schedule {
	struct sim_moment *moments; /* ascending */
	size_t count, cap, next;
};

/* FW_ETOOBIG: over ten million moments.  To be freed in both cases. */
FW_MUST_CHECK int sim_schedule_make(
    struct sim_schedule *out, const struct sim_scenario *s, double speed, uint64_t *random);
void sim_schedule_free(struct sim_schedule *s);

#endif
