/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon reads from PostgreSQL: its own earlier state at start, and what people have done
   since.  All asynchronous, on a store's connection; `done` runs in the loop, never from within the
   call.  error NULL: all was read, else a sentence. */
#ifndef FW_IO_STORE_READ_H
#define FW_IO_STORE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "io/pg.h"

struct fw_checkpoint {
	bool found;
	uint64_t journal, position;
};

/* Ledger, reports committed since its mark, test windows, false alarms, open incidents, raised
   alarms, queued steps, unfinished pages -> fw_core_load_…; and the checkpoints of these journals.
   Also makes today's partitions.
 */
void fw_read_state(struct fw_pg *pg, const char *instance, const uint64_t journals[FW_LANES],
    struct fw_core *core, int64_t now_us,
    void (*done)(
	const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context),
    void *context);

/* The checkpoints alone. */
void fw_read_checkpoints(struct fw_pg *pg, const char *instance, const uint64_t journals[FW_LANES],
    void (*done)(
	const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context),
    void *context);

/* `seen` is called for each incident's answers: the one named, or with NULL all that are not closed
   or were answered within the last day (after a reconnect, when a NOTIFY may have been missed). */
void fw_read_acts(struct fw_pg *pg, const char *incident_id,
    void (*seen)(const struct fw_act *act, void *context),
    void (*done)(const char *error, void *context), void *context);

/* Messages of the quarantine that somebody asked to take in again and that have not been: `seen`
   for each, at most 100 a call. What `message` points to holds during the call. */
void fw_read_replays(struct fw_pg *pg,
    void (*seen)(const struct fw_message *message, void *context),
    void (*done)(const char *error, void *context), void *context);

/* make_partitions and drop_partitions, `done` for each: once an hour is enough. */
void fw_keep_partitions(struct fw_pg *pg, int days_ahead, int keep_days,
    void (*done)(const char *error, void *context), void *context);

#endif
