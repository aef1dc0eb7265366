/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store: store.c gathers, sends and hands on what is committed; store_fault.c is for
 * what does not go so: errors of the server, and finding out after a connect where it stands.
 */
#ifndef FW_IO_STORE_INSIDE_H
#define FW_IO_STORE_INSIDE_H

#include "base/strmap.h"
#include "base/time.h"
#include "io/store.h"
#include "io/store_batch.h"
#include "io/store_copy.h"
#include "io/store_refuse.h"

#define FW_STORE_RETRY_FIRST_US (100 * FW_MS)

/*
 *	IDLE       nothing sent, or it waits for the connection or the retry timer
 *	BATCH      the batch is with the server
 *	CHECK      asked how far the database is, after every connect
 *	KNOWN      asked which reports of the batch it knows
 *	SEARCH     looking for a row that it refuses
 *	OVER       fenced, or to be taken back: nothing more is sent
 */
enum fw_store_phase { IDLE, BATCH, CHECK, KNOWN, SEARCH, OVER };

struct fw_store {
	struct fw_loop *loop;
	struct fw_store_handlers handlers;
	char *instance;
	enum fw_lane lane;
	char **channels;
	size_t channel_count;
	int64_t retry_max_us;
	struct fw_pg *pg;
	struct fw_timer *retry;
	int64_t pause_us;
	uint64_t fence; /* 0: not started */
	enum fw_store_phase phase;

	struct fw_batch batches[2], *gathering, *sent; /* sent NULL: none under way */
	uint64_t serial, committed; /* of the gathering batch; of the last committed one */
	uint64_t journal, position; /* the checkpoint last committed */
	int64_t sent_at_us;
	/* The sent batch has surely not been committed before: a report that its key refuses is one
	   that nobody knew of. */
	bool fresh;
	bool copy_refused; /* one of its reports is refused: which, another statement tells */
	bool refuse_known;

	struct fw_pg_request request;
	struct fw_pg_step steps[FW_STORE_STEPS];
	const char *values[FW_STORE_COLUMNS];
	int lengths[FW_STORE_COLUMNS], formats[FW_STORE_COLUMNS];
	char fence_text[24], lane_text[4], journal_text[24];
	const char *enter_values[3];

	uint64_t found_fence, found_batch; /* CHECK: what the database has */
	size_t found_known;                /* KNOWN: how many */
	struct fw_refusal refusal;

	struct fw_strmap
	    claimed;    /* ids of this attempt's answers; the keys are in the sent batch */
	char told[640]; /* the last error that was logged */
	uint64_t rows, transactions, retries, known, known_now, set_aside;
	int64_t took_us;
};

/* store.c */
struct fw_pg_step *fw_store_add_step(struct fw_store *s, enum fw_sql statement, size_t used);
void fw_store_request(struct fw_store *s, enum fw_store_phase phase,
    void (*rows)(size_t step, const PGresult *rows, void *context),
    void (*done)(const struct fw_pg_error *error, void *context));
void fw_store_transmit(struct fw_store *s);
void fw_store_transmit_again(struct fw_store *s);

/* store_fault.c */
void fw_store_failed(struct fw_store *s, const struct fw_pg_error *error);
void fw_store_check(struct fw_store *s);

#endif
