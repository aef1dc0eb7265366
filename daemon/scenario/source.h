/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a scenario, made at their moments.  Whoever plays it says what time it is, and
 * takes the messages: firewatch-sim sends them at the real time, `firewatchctl simulate` hands them
 * to the core in virtual time.
 */
#ifndef SIM_SOURCE_H
#define SIM_SOURCE_H

#include "scenario/device.h"
#include "scenario/message.h"
#include "scenario/scenario.h"
#include "scenario/schedule.h"

struct sim_taker {
	/* Takes over the message: to be given back by sim_message_free to the source's pool. */
	void (*message)(struct sim_message *m, void *context);
	/* What is no device's doing (sim_action_is_act); NULL where the scenario has none. */
	void (*act)(const struct sim_action *a, void *context);
	void *context;
};

struct sim_source {
	struct sim_scenario *scenario;
	struct sim_taker taker;
	struct sim_devices devices;
	struct sim_schedule schedule;
	struct sim_pool pool;
	uint64_t random;
	bool numbers_boots; /* a boot that the scenario leaves open is 1, then one more; else random
			     */
	int64_t began_us, now_us;
	struct sim_message *open; /* a pack that is being filled */
	struct sim_part heartbeat_part, flood_part;
	struct sim_action heartbeat, flood_report;
	const char **events;            /* by action: what the ledger says of it */
	const struct sim_action *flood; /* under way, or NULL */
	int64_t flood_done, flood_began_us;
	size_t flood_turn;
};

/* The scenario must outlive it.  FW_ETOOBIG: too much happens.  To be freed in both cases. */
FW_MUST_CHECK int sim_source_init(struct sim_source *s, struct sim_scenario *scenario,
    const struct sim_taker *taker, double speed, uint64_t seed, bool numbers_boots);
void sim_source_fini(struct sim_source *s);

/* The scenario's time 0.  Before the first step. */
void sim_source_begin(struct sim_source *s, int64_t now_us);

/* Plays the next moment, or one message of a flood; false: nothing is due yet. */
bool sim_source_step(struct sim_source *s, int64_t now_us);

/* When the next is due; FW_NEVER: it is all played. */
int64_t sim_source_next_us(const struct sim_source *s);

/* An empty one for a device's topic. */
struct sim_message *sim_source_message(
    struct sim_source *s, struct sim_device *via, enum sim_lane lane);

#endif
