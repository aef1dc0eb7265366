/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row that the database refuses for good must not hold up a lane: the rows of the statement that
 * failed are halved, each half tried behind the statements before it, in a transaction that is
 * rolled back, until the bad one is alone; then it is set aside.  Inside the store.
 */
#ifndef FW_IO_STORE_REFUSE_H
#define FW_IO_STORE_REFUSE_H

#include <stdbool.h>

#include "io/pg.h"
#include "io/store_batch.h"

struct fw_refusal {
	struct fw_pg *pg;
	struct fw_batch *batch;
	enum fw_sql statement;
	size_t low, middle, high; /* one of the rows low..high is bad */
	struct fw_columns probe;  /* low..middle */
	char why[512];            /* the server's words about the last refused half */

	/* found false: the search could not be ended, or no row is bad alone */
	void (*done)(bool found, size_t row, void *context);
	void *context;

	char fence[24];
	const char *enter_values[2];
	size_t used; /* of the three below */
	const char *values[FW_STORE_COLUMNS];
	int lengths[FW_STORE_COLUMNS], formats[FW_STORE_COLUMNS];
	struct fw_pg_step steps[FW_STORE_STEPS];
	struct fw_pg_request request;
};

/* The row is to blame, not the moment, the session or the schema. */
bool fw_refused_for_good(const char *sqlstate);

/* Whether a row of the statement can be set aside. */
bool fw_refusal_can(enum fw_sql statement);

/* Looks for the bad row among those of the batch's statement.  `r` is zeroed memory that stays
 * until done, with pg, done and context set. */
void fw_refusal_search(
    struct fw_refusal *r, struct fw_batch *batch, enum fw_sql statement, const char *why);
void fw_refusal_fini(struct fw_refusal *r);

/* Takes a row out of the batch.  A report goes to quarantine and its device is told; of any other
 * row the quarantine keeps its text; a page is then sent without its row. */
void fw_refusal_set_aside(
    struct fw_batch *b, enum fw_sql statement, size_t row, int64_t now_us, const char *why);

#endif
