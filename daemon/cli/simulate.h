/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario played in virtual time: the core with the town of the database, and stand-ins for what
 * is around it.  Nothing is written and nobody is told.
 */
#ifndef FW_CLI_SIMULATE_H
#define FW_CLI_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "base/time.h"
#include "cli/exit.h"
#include "core/core.h"
#include "model/settings.h"
#include "scenario/source.h"

/* ---------------------------------------------------------------- simulate_town.c */

/* The town and its test windows as they are now, in one read-only snapshot; both are the caller's.
 * A fault has been said. */
enum fw_exit fw_simulate_town(
    const char *dsn, uint64_t hash_seed, struct fw_town **out, struct fw_windows **windows);

/* ---------------------------------------------------------------- simulate_trace.c */

/* What happens, one line each; with `quiet` only counted. */
struct fw_trace {
	bool quiet;
	int64_t start_us, now_us;
	struct fw_strmap seen; /* of alarms, incidents and steps by id: what was last told */
	uint64_t delivered, failed;
};

void fw_trace_init(struct fw_trace *t, int64_t start_us, bool quiet);
void fw_trace_fini(struct fw_trace *t);
void fw_trace_action(struct fw_trace *t, const struct fw_action *a);
void fw_trace_line(struct fw_trace *t, const char *format, ...) FW_PRINTF(2, 3);

/* "2.000s", "1h05min02.000s". */
char *fw_trace_time(int64_t us, char out[FW_TIME_TEXT_MAX]);

/* ---------------------------------------------------------------- simulate_windows.c */

/* The table of test windows: those of the town, and those that the scenario declares. */
struct fw_declared {
	struct fw_arena texts; /* owns the rows too */
	struct fw_window_row *newest;
};

void fw_declared_init(struct fw_declared *d, const struct fw_windows *of_town);
void fw_declared_fini(struct fw_declared *d);

/* As declare_window() and end_window() do, by their rules.  Why it is refused, or NULL; then *out
 * is what there is to tell, until the next call. */
const char *fw_declared_add(struct fw_declared *d, const struct fw_town *town,
    const struct sim_action *a, int64_t now_us, const struct fw_window **out);
const char *fw_declared_end(
    struct fw_declared *d, const char *site, int64_t now_us, const struct fw_window **out);

/* The core has said that it is over. */
void fw_declared_announced(struct fw_declared *d, const char *id);

/* What a daemon reads of it; the caller's. */
struct fw_windows *fw_declared_read(const struct fw_declared *d);

/* ---------------------------------------------------------------- simulate_play.c */

struct fw_simulation {
	struct fw_core *core;
	struct fw_trace trace;
	struct sim_source source;
	int64_t now_us;
	size_t max_payload_bytes;
	uint64_t messages;
	/* PostgreSQL's part: what waits for the commit, and what it knows of incidents. */
	bool database_away;
	struct fw_receipt_item *items;
	size_t item_count, item_cap;
	struct fw_claim *claims;
	size_t claim_count, claim_cap;
	char **asks; /* incidents */
	size_t ask_count, ask_cap;
	struct fw_strmap incidents; /* by id */
	struct fw_file *newest;     /* of them */
	struct fw_declared declared;
	/* The channels': pages under way, by id. */
	bool pages_fail;
	char **sends;
	size_t send_count, send_cap;
	/* The broker's: what it keeps until it is up again. */
	bool broker_down;
	struct sim_messages held;
};

/* Takes ownership of town and windows; the scenario must outlive it.  FW_ETOOBIG: too much happens.
 * To be freed in both cases. */
FW_MUST_CHECK int fw_simulation_init(struct fw_simulation *s, struct sim_scenario *scenario,
    const struct fw_settings *settings, struct fw_town *town, struct fw_windows *windows,
    int64_t start_us, bool quiet);
void fw_simulation_fini(struct fw_simulation *s);
void fw_simulation_run(struct fw_simulation *s);

#endif
