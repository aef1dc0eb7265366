/* SPDX-License-Identifier: Apache-2.0 */
/* Reports into bytes, and bytes that are no reports. */
#ifndef SIM_ENCODE_H
#define SIM_ENCODE_H

#include "base/arena.h"
#include "scenario/message.h"
#include "scenario/scenario.h"

struct sim_encode { /* what of a report is not in its action */
	struct sim_device *device;
	int64_t observed_at_ms;
	bool backfill;
	const char *events; /* sim_encode_events() of the action */
};

/* Puts one report behind those of the message, with the device's next sequence. */
void sim_encode_report(
    struct sim_message *m, const struct sim_action *a, const struct sim_encode *e);

/* "+FIRE,TEMPERATURE_CELSIUS=68", for the ledger. */
const char *sim_encode_events(struct fw_arena *arena, const struct sim_action *a);

/* Fills the message's payload. */
void sim_encode_garbage(
    struct sim_message *m, const struct sim_action *a, int64_t index, uint64_t *random);

#endif
