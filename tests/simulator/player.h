/* SPDX-License-Identifier: Apache-2.0 */
/* Plays a scenario against a broker and counts what became of it. */
#ifndef SIM_PLAYER_H
#define SIM_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "publisher.h"
#include "scenario/scenario.h"

struct sim_options {
	struct sim_publisher_options publisher;
	uint64_t seed;
	double speed;
	int64_t resend_after_us;
	int64_t resend_max;         /* 0: without end */
	int64_t until_receipted_us; /* 0: does not wait */
};

struct sim_counts {
	uint64_t messages, first, duplicates, resends, garbage;
	uint64_t published, republished, acknowledged, refused;
	uint64_t receipted, rejected, unreceipted, connections;
	double seconds;
};

/*
 * FW_OK: all was sent and, where asked, receipted.  FW_EREFUSED: not.  FW_ECLOSED: the broker
 * cannot be reached.  FW_EIO: the ledger cannot be written.  FW_ETOOBIG: too much happens.
 */
FW_MUST_CHECK int sim_play(struct sim_scenario *s, const struct sim_options *o,
    struct sim_ledger *ledger, struct sim_counts *counts);

#endif
