/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core with a small town and a clock that the test owns.  Whatever the core wants done is written
 * into a trace, one action a word-line, and the obvious answers (committed, claimed, sent) are
 * given only when the test says so.
 */
#ifndef CORE_FIXTURE_H
#define CORE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"

#define SECOND ((int64_t)1000000)
#define NOON (INT64_C(1790000000) * SECOND)

struct bench {
	struct fw_core *core;
	int64_t now_us;
	int64_t received_us; /* of what is said; 0: now */
	void (*rules)(struct fw_town *town);
	/* Sees each action too, when it is set. */
	void (*seen)(const struct fw_action *action, void *context);
	void *context;
	char trace[65536];
	struct fw_receipt_item items[4096];
	size_t item_count;
	char claims[256][384];
	size_t claim_count;
	char sends[256][384];
	size_t send_count;
	uint8_t receipt[4096];
	size_t receipt_len;
	char receipt_device[72];
};

/* One report with at most one event and one reading. */
struct say {
	const char *topic_device; /* by default smoke-1 */
	const char *device_id;
	uint32_t boot; /* by default 1 */
	uint64_t sequence;
	uint32_t condition; /* 0: no event */
	bool restored;
	uint32_t point;
	const char *text;
	uint32_t mode;
	bool backfill, telemetry, no_sequence;
	int64_t observed_ms;
	uint32_t second_condition;
	uint32_t component_type;
	int32_t quantity; /* 0: no reading; it is of `point` too */
	double value;
	uint32_t battery_percent;
	int32_t signal_dbm;
};

struct bench *bench_new(void);
/* With rows of the rulebook, and protections: `rules` is called behind the sites. */
struct bench *bench_new_with(void (*rules)(struct fw_town *town));
void bench_free(struct bench *b);
void bench_restart(struct bench *b);    /* a core that knows nothing but the town */
void bench_renew_town(struct bench *b); /* the same town, read again */

/* Forgets the trace, says it, returns the trace. */
const char *bench_say(struct bench *b, struct say what);
const char *bench_bytes(struct bench *b, const char *topic, const void *payload, size_t len);
const char *bench_wait(
    struct bench *b, int64_t us); /* moves the clock, ticking at each deadline on the way */
/* Likewise, and all that was sent meanwhile has been heard. */
const char *bench_hear(struct bench *b, int64_t us);
const char *bench_flush(struct bench *b); /* rows of alarms and incidents */
const char *bench_commit(
    struct bench *b); /* everything written so far is committed, claims are granted */
const char *bench_refuse_claims(struct bench *b);
const char *bench_sent(struct bench *b, const char *error); /* every page under way ends so */
const char *bench_act(struct bench *b, const char *incident, uint32_t acknowledged, uint32_t closed,
    enum fw_verdict verdict);

/* The test windows that there are from now on. */
const char *bench_windows(struct bench *b, const struct fw_window *rows, size_t count);

/* Times that `line` stands in the trace. */
size_t count_lines(const char *trace, const char *line);

#endif
