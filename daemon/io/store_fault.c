/* SPDX-License-Identifier: Apache-2.0 */
/* A batch that is refused, and a server that may stand elsewhere; see store_inside.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/pg_columns.h"
#include "io/store_inside.h"

/* ---------------------------------------------------------------- errors */

static void
tell(struct fw_store *s, const struct fw_pg_error *error)
{
	char what[sizeof(s->told)];

	snprintf(what, sizeof(what), "%s %.500s", error->sqlstate, error->message);
	if (strcmp(what, s->told) != 0)
		fw_error("store %s: batch %llu of %zu rows is refused: %s", fw_lane_name(s->lane),
		    (unsigned long long)s->sent->serial, s->sent->row_count, what);
	memcpy(s->told, what, sizeof(s->told));
}

static void
send_later(struct fw_store *s)
{
	fw_timer_set(s->retry, s->pause_us);
	s->pause_us = s->pause_us * 2 < s->retry_max_us ? s->pause_us * 2 : s->retry_max_us;
}

static void
take_back(struct fw_store *s, const char *why)
{
	s->phase = OVER;
	s->handlers.take_back(why, s->handlers.context);
}

static void
on_known_rows(size_t step, const PGresult *rows, void *context)
{
	struct fw_store *s = context;

	(void)step;
	for (int i = 0; i < PQntuples(rows); i++, s->found_known++)
		s->handlers.known(fw_get_text(rows, i, 0), (uint32_t)fw_get_int(rows, i, 1),
		    (uint64_t)fw_get_int(rows, i, 2), s->handlers.context);
}

static void
on_known(const struct fw_pg_error *error, void *context)
{
	struct fw_store *s = context;

	s->phase = IDLE;
	if (error && error->lost)
		return;
	if (!error && s->found_known) {
		take_back(s, "a report that nobody knew was recorded already");
		return;
	}
	if (error)
		tell(s, error);
	s->fresh = false; /* refused for a report that the batch holds twice: the key sees to it */
	fw_store_transmit(s);
}

static void
on_batch_rows(size_t step, const PGresult *rows, void *context)
{
	struct fw_store *s = context;

	(void)step;
	s->found_fence = (uint64_t)fw_get_int(rows, 0, 0);
	s->found_batch = (uint64_t)fw_get_int(rows, 0, 1);
}

/* Which batch of this journal the database has. */
static void
read_batch(struct fw_store *s, enum fw_store_phase phase,
    void (*done)(const struct fw_pg_error *error, void *context))
{
	struct fw_pg_step *step;

	s->found_fence = s->found_batch = 0;
	s->request.step_count = 0;
	step = fw_store_add_step(s, FW_SQL_READ_BATCH, 0);
	snprintf(s->lane_text, sizeof(s->lane_text), "%d", (int)s->lane);
	snprintf(s->journal_text, sizeof(s->journal_text), "%" PRId64, (int64_t)s->journal);
	s->enter_values[0] = s->instance;
	s->enter_values[1] = s->lane_text;
	s->enter_values[2] = s->journal_text;
	*step = (struct fw_pg_step){
	    .statement = FW_SQL_READ_BATCH, .param_count = 3, .values = s->enter_values};
	fw_store_request(s, phase, on_batch_rows, done);
}

static uint64_t
found(const struct fw_store *s)
{
	return s->found_fence == s->fence ? s->found_batch : 0;
}

/* Keys and receive times of the batch's reports. */
static void
ask_known(struct fw_store *s)
{
	enum { DEVICE, BOOT, SEQUENCE, RECEIVED = 7, TAKEN = 4 };
	struct fw_columns *c = &s->sent->columns[FW_SQL_REPORT];
	struct fw_pg_step *step;

	s->request.step_count = 0;
	step = fw_store_add_step(s, FW_SQL_READ_KNOWN, 0);
	fw_columns_params(c, s->values, s->lengths, s->formats);
	s->values[SEQUENCE + 1] = s->values[RECEIVED];
	s->lengths[SEQUENCE + 1] = s->lengths[RECEIVED];
	step->param_count = TAKEN;
	s->found_known = 0;
	fw_store_request(s, KNOWN, on_known_rows, on_known);
}

/*
 * The reports may be known for the batch itself: its first transaction was still under way when the
 * connection that it went by was given up, and has ended since.
 */
static void
on_batch_or_known(const struct fw_pg_error *error, void *context)
{
	struct fw_store *s = context;

	s->phase = IDLE;
	if (error && error->lost)
		return;
	if (error) {
		tell(s, error);
		send_later(s);
	} else if (found(s) == s->sent->serial) {
		s->fresh = false;
		fw_store_transmit(s);
	} else {
		ask_known(s);
	}
}

static void
on_searched(bool is_found, size_t row, void *context)
{
	struct fw_store *s = context;

	s->phase = IDLE;
	if (is_found) {
		fw_refusal_set_aside(
		    s->sent, s->refusal.statement, row, fw_loop_now_us(s->loop), s->refusal.why);
		s->set_aside++;
		fw_store_transmit_again(s);
	} else if (fw_pg_is_up(s->pg)) {
		send_later(s);
	}
}

static void
search(struct fw_store *s, enum fw_sql statement, const char *why)
{
	if (statement == FW_SQL_REPORT_NEW)
		statement = FW_SQL_REPORT;
	s->phase = SEARCH;
	memset(&s->refusal, 0, sizeof(s->refusal));
	s->refusal.pg = s->pg;
	s->refusal.done = on_searched;
	s->refusal.context = s;
	fw_refusal_search(&s->refusal, s->sent, statement, why);
}

/* The batch stays.  A lost connection is told by pg, an error of the server once for each change.
 */
void
fw_store_failed(struct fw_store *s, const struct fw_pg_error *error)
{
	enum fw_sql statement;

	s->retries++;
	if (error->lost)
		return;
	statement = (enum fw_sql)s->steps[error->step].statement;
	if (strcmp(error->sqlstate, "FW002") == 0) {
		s->phase = OVER;
		s->handlers.fenced(s->handlers.context);
		return;
	}
	if (statement == FW_SQL_REPORT_COPY && fw_refused_for_good(error->sqlstate)) {
		s->copy_refused = true;
		fw_store_transmit(s);
		return;
	}
	tell(s, error);
	if (strcmp(error->sqlstate, "FW003") == 0) {
		read_batch(s, KNOWN, on_batch_or_known);
	} else if (strcmp(error->sqlstate, "25006") == 0) {
		fw_pg_reconnect(s->pg, error->message); /* it is a standby now */
	} else if (fw_refused_for_good(error->sqlstate) &&
		   (statement == FW_SQL_REPORT_NEW || fw_refusal_can(statement))) {
		search(s, statement, error->message);
	} else {
		send_later(s);
	}
}

/* ---------------------------------------------------------------- after a connect */

/*
 * The database has the last batch that was answered for; or the one under way too, whose answer was
 * lost; or less than that: a server that is behind has taken over.
 */
static void
on_checked(const struct fw_pg_error *error, void *context)
{
	struct fw_store *s = context;
	uint64_t has = found(s);

	s->phase = IDLE;
	if (error && error->lost)
		return;
	if (error) {
		fw_pg_reconnect(s->pg, error->message);
		return;
	}
	if (has < s->committed) {
		take_back(s, "the database has lost what it had committed");
		return;
	}
	s->fresh = !(s->sent && has == s->sent->serial);
	fw_store_transmit_again(s);
	s->handlers.up(true, "connected", s->handlers.context);
}

void
fw_store_check(struct fw_store *s)
{
	read_batch(s, CHECK, on_checked);
}
