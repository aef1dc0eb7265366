/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One asynchronous PostgreSQL connection in libpq's pipeline mode, on the event loop.  Only pg
 * (with pg_connect and pg_columns) calls libpq; readers of rows ask for their number.
 *
 * A request is a run of prepared statements that is sent as one.  Requests are answered in order,
 * and each exactly once: with results, with the server's error, or with a lost connection (then the
 * outcome is unknown).  One is under way at a time, the others wait, so that an error of one is
 * never another's.  The connection makes itself anew with jittered back-off, and prepares its
 * statements each time.
 */
#ifndef FW_IO_PG_H
#define FW_IO_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct fw_pg;

struct fw_pg_statement {
	const char *name, *sql;
};

#define FW_PG_NAME_MAX 64 /* PostgreSQL cuts a session's name there */

struct fw_pg_options {   /* dsn, application_name and label are copied, the rest must outlive the
			    connection */
	const char *dsn; /* of several hosts one is tried after the other, each with its own time */
	const char *application_name;
	const char *label;    /* what the log calls it */
	int64_t retry_max_ms; /* longest pause between attempts to connect */
	const struct fw_pg_statement *statements;
	size_t statement_first, statement_end; /* of them, those that are used */
	const char *const *listen;
	size_t listen_count;
};

struct fw_pg_handlers {
	/* Connected and prepared, or not any more; also when the reason changes why it is not.
	 * `why` a sentence. */
	void (*up)(bool up, const char *why, void *context);
	void (*notified)(const char *channel, const char *payload, void *context);
	void *context;
};

struct fw_pg_step {
	size_t statement; /* index of fw_pg_options.statements */
	int param_count;
	const char *const *values; /* NULL: null */
	const int *lengths;
	const int *formats; /* 1 binary; all NULL: text */
	/* Of a statement that is COPY … FROM STDIN: its data.  Such a step stands alone in the
	 * pipeline: the steps behind it wait for its answer. */
	const char *copy;
	size_t copy_len;
};

struct fw_pg_error {
	bool lost;            /* the connection: whether it was done is not known */
	size_t step;          /* that failed, when not lost */
	const char *sqlstate; /* "" when lost without a word of the server */
	const char *message;  /* one line */
};

/* Owned by who sends it, and to stay as it is until `done`. */
struct fw_pg_request {
	const struct fw_pg_step *steps;
	size_t step_count;
	bool row_by_row; /* rows as they come, one a call, for answers too large to be held */
	/* Binary rows of step `step`; NULL: of no interest.  Holds during the call. */
	void (*rows)(size_t step, const PGresult *rows, void *context);
	/* How many rows a step that answers none has written; NULL: of no interest. */
	void (*written)(size_t step, uint64_t rows, void *context);
	/* error NULL: all steps succeeded.  Rows may have come before an error.  May send the next
	 * request. */
	void (*done)(const struct fw_pg_error *error, void *context);
	/* Instead of done when the connection is freed first; NULL: nothing is to be freed. */
	void (*dropped)(void *context);
	void *context;
	struct fw_pg_request *next; /* the connection's */
};

struct fw_pg *fw_pg_new(struct fw_loop *loop, const struct fw_pg_options *options,
    const struct fw_pg_handlers *handlers);
void fw_pg_free(struct fw_pg *pg); /* not from its callbacks; NULL is allowed */
void fw_pg_start(struct fw_pg *pg);
bool fw_pg_is_up(const struct fw_pg *pg);

/* Gives the session up and connects anew: this server is not the one to write to any more. */
void fw_pg_reconnect(struct fw_pg *pg, const char *why);
uint64_t fw_pg_connects(const struct fw_pg *pg);

/* Sends it, or lets it wait for those before it.  While there is no connection it is answered as
   lost.  `done` never runs from within this call. */
void fw_pg_send(struct fw_pg *pg, struct fw_pg_request *request);

#endif
