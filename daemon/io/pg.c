/* SPDX-License-Identifier: Apache-2.0 */
/* One asynchronous PostgreSQL connection; see pg.h.  Here: requests and their answers. */
#include "io/pg.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/pg_state.h"

void
fw_pg_answer(struct fw_pg *pg, struct fw_pg_request *request, bool lost)
{
	char why[FW_PG_WHY_MAX], sqlstate[sizeof(pg->sqlstate)];
	struct fw_pg_error error = {
	    .lost = lost, .step = pg->failed_step, .sqlstate = sqlstate, .message = why};
	bool failed = lost || pg->failed;

	memcpy(why, pg->why, sizeof(why));
	memcpy(sqlstate, pg->sqlstate, sizeof(sqlstate));
	if (request->done)
		request->done(failed ? &error : NULL, request->context);
}

static struct fw_pg_request *
take_request(struct fw_pg *pg)
{
	struct fw_pg_request *request = pg->queue;

	if (!request)
		return NULL;
	pg->queue = request->next;
	if (!pg->queue)
		pg->queue_end = &pg->queue;
	return request;
}

/* Answers those that wait now, not those that their answers send. */
void
fw_pg_refuse_queue(struct fw_pg *pg)
{
	struct fw_pg_request *request = pg->queue, *next;

	pg->queue = NULL;
	pg->queue_end = &pg->queue;
	for (; request; request = next) {
		next = request->next;
		fw_pg_answer(pg, request, true);
	}
}

/* False: the connection was lost, and is gone. */
bool
fw_pg_flush(struct fw_pg *pg)
{
	int left = PQflush(pg->conn);

	if (left < 0) {
		fw_pg_lose(pg);
		return false;
	}
	fw_watch_set(pg->watch, left ? FW_READ | FW_WRITE : FW_READ);
	return true;
}

/* Steps of the active request from `first` on, up to the next COPY. */
static bool
put_steps(struct fw_pg *pg, const struct fw_pg_request *request, size_t first)
{
	for (size_t i = first; i < request->step_count && !request->steps[i].copy; i++) {
		const struct fw_pg_step *s = &request->steps[i];

		if (!PQsendQueryPrepared(pg->conn, pg->options.statements[s->statement].name,
			s->param_count, s->values, s->lengths, s->formats, 1))
			return false;
	}
	return PQpipelineSync(pg->conn) != 0;
}

void
fw_pg_begin_request(struct fw_pg *pg, struct fw_pg_request *request)
{
	pg->active = request;
	pg->step = 0;
	pg->copying = false;
	pg->failed = false;
	pg->sqlstate[0] = '\0';
	if (request->row_by_row)
		PQsetSingleRowMode(pg->conn);
}

/* A request that failed after its BEGIN leaves its transaction open. */
static void
begin_rollback(struct fw_pg *pg)
{
	fw_pg_begin_request(pg, &pg->rollback);
	fw_timer_set(pg->timer, FW_PG_ANSWER_WITHIN_US);
	if (!PQsendQueryParams(pg->conn, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 1) ||
	    !PQpipelineSync(pg->conn))
		fw_pg_lose(pg);
	else
		fw_pg_flush(pg);
}

/* All answers of the active request are in. */
static void
finish_request(struct fw_pg *pg)
{
	struct fw_pg_request *request = pg->active;
	bool is_rollback = request == &pg->rollback;

	if (request == &pg->set_up) {
		fw_pg_finish_set_up(pg);
		return;
	}
	pg->active = NULL;
	fw_timer_cancel(pg->timer);
	fw_pg_answer(pg, request, false); /* it may be gone then */
	pg->failed = false;
	if (!pg->conn)
		return; /* given up by the one answered */
	if (PQtransactionStatus(pg->conn) == PQTRANS_IDLE || is_rollback)
		fw_pg_serve(pg);
	else
		begin_rollback(pg);
}

/* ---- a COPY between two pipelines */

static void
begin_copy(struct fw_pg *pg)
{
	const struct fw_pg_step *s = &pg->active->steps[pg->step];

	pg->copying = true;
	if (!PQexitPipelineMode(pg->conn) ||
	    !PQsendQuery(pg->conn, pg->options.statements[s->statement].sql))
		fw_pg_lose(pg);
	else
		fw_pg_flush(pg);
}

static void
put_copy(struct fw_pg *pg)
{
	const struct fw_pg_step *s = &pg->active->steps[pg->step];

	if (PQputCopyData(pg->conn, s->copy, (int)s->copy_len) != 1 ||
	    PQputCopyEnd(pg->conn, NULL) != 1)
		fw_pg_lose(pg);
	else
		fw_pg_flush(pg);
}

static void
end_copy(struct fw_pg *pg)
{
	pg->copying = false;
	if (!PQenterPipelineMode(pg->conn))
		fw_pg_lose(pg);
	else if (pg->failed)
		finish_request(pg);
	else if (!put_steps(pg, pg->active, pg->step))
		fw_pg_lose(pg);
	else
		fw_pg_flush(pg);
}

static void
end_pipeline(struct fw_pg *pg)
{
	if (!pg->failed && pg->step < pg->active->step_count)
		begin_copy(pg);
	else
		finish_request(pg);
}

static void
note_error(struct fw_pg *pg, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (pg->failed)
		return;
	pg->failed = true;
	pg->failed_step = pg->step;
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", state ? state : "");
	fw_pg_set_why(pg, primary ? primary : PQresultErrorMessage(result));
}

static void
take_result(struct fw_pg *pg, const PGresult *result)
{
	struct fw_pg_request *request = pg->active;

	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
		if (request->rows && PQntuples(result) > 0)
			request->rows(pg->step, result, request->context);
		return;
	case PGRES_COMMAND_OK:
		if (request->written)
			request->written(pg->step,
			    strtoull(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10),
			    request->context);
		return;
	case PGRES_EMPTY_QUERY:
	case PGRES_PIPELINE_ABORTED:
		return;
	case PGRES_PIPELINE_SYNC:
		end_pipeline(pg);
		return;
	case PGRES_COPY_IN:
		if (!pg->copying)
			break;
		put_copy(pg);
		return;
	case PGRES_FATAL_ERROR:
		note_error(pg, result);
		return;
	case PGRES_NONFATAL_ERROR:
	case PGRES_BAD_RESPONSE:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		break;
	}
	note_error(pg, result);
	fw_pg_drop(pg);
}

static void
take_results(struct fw_pg *pg)
{
	while (pg->conn && pg->active && !PQisBusy(pg->conn)) {
		PGresult *result = PQgetResult(pg->conn);

		if (PQstatus(pg->conn) == CONNECTION_BAD) {
			if (result && PQresultStatus(result) == PGRES_FATAL_ERROR)
				note_error(pg, result);
			PQclear(result);
			fw_pg_lose(pg);
			return;
		}
		if (!result) { /* ends the answer to one step */
			pg->step++;
			if (pg->copying)
				end_copy(pg);
			else if (pg->active->row_by_row)
				PQsetSingleRowMode(pg->conn);
			continue;
		}
		take_result(pg, result);
		PQclear(result);
	}
}

static void
take_notifies(struct fw_pg *pg)
{
	PGnotify *n;

	while (pg->conn && (n = PQnotifies(pg->conn))) {
		if (pg->state == UP && pg->handlers.notified)
			pg->handlers.notified(n->relname, n->extra, pg->handlers.context);
		PQfreemem(n);
	}
}

void
fw_pg_on_session(int what, void *context)
{
	struct fw_pg *pg = context;

	if ((what & FW_READ) && !PQconsumeInput(pg->conn)) {
		take_results(pg); /* the server's last word */
		if (pg->conn)
			fw_pg_lose(pg);
		return;
	}
	if (!fw_pg_flush(pg))
		return;
	take_results(pg);
	if (pg->conn)
		take_notifies(pg);
}

void
fw_pg_serve(struct fw_pg *pg)
{
	struct fw_pg_request *request;

	if (pg->state != UP || pg->active || !(request = take_request(pg)))
		return;
	if (!put_steps(pg, request, 0)) {
		pg->active = request;
		pg->failed = false;
		fw_pg_lose(pg);
		return;
	}
	fw_pg_begin_request(pg, request);
	fw_timer_set(
	    pg->timer, request->row_by_row ? FW_PG_READ_WITHIN_US : FW_PG_ANSWER_WITHIN_US);
	fw_pg_flush(pg);
}

static void
on_turn(void *context)
{
	struct fw_pg *pg = context;

	if (pg->state == UP)
		fw_pg_serve(pg);
	else if (pg->state != PREPARING)
		fw_pg_refuse_queue(pg);
}

void
fw_pg_send(struct fw_pg *pg, struct fw_pg_request *request)
{
	request->next = NULL;
	*pg->queue_end = request;
	pg->queue_end = &request->next;
	if (!pg->active)
		fw_timer_set(pg->turn, 0);
}

struct fw_pg *
fw_pg_new(struct fw_loop *loop, const struct fw_pg_options *options,
    const struct fw_pg_handlers *handlers)
{
	struct fw_pg *pg = fw_calloc(1, sizeof(*pg));

	pg->loop = loop;
	pg->options = *options;
	pg->handlers = *handlers;
	pg->dsn = fw_strdup(options->dsn);
	pg->application_name = fw_strdup(options->application_name);
	pg->label = fw_strdup(options->label);
	pg->pause_us = FW_PG_RETRY_FIRST_US;
	pg->queue_end = &pg->queue;
	pg->timer = fw_timer_new(loop, fw_pg_on_timer, pg);
	pg->turn = fw_timer_new(loop, on_turn, pg);
	snprintf(pg->why, sizeof(pg->why), "not connected yet");
	return pg;
}

static void
drop_request(struct fw_pg_request *request)
{
	if (request->dropped)
		request->dropped(request->context);
}

void
fw_pg_free(struct fw_pg *pg)
{
	struct fw_pg_request *request;

	if (!pg)
		return;
	if (pg->active)
		drop_request(pg->active);
	while ((request = take_request(pg)))
		drop_request(request);
	fw_watch_free(pg->watch);
	fw_timer_free(pg->timer);
	fw_timer_free(pg->turn);
	PQfinish(pg->conn);
	free(pg->dsn);
	free(pg->application_name);
	free(pg->label);
	fw_pg_connect_free(pg);
	free(pg);
}

void
fw_pg_reconnect(struct fw_pg *pg, const char *why)
{
	if (pg->state != UP)
		return;
	fw_pg_set_why(pg, why);
	fw_pg_drop(pg);
}

bool
fw_pg_is_up(const struct fw_pg *pg)
{
	return pg->state == UP;
}

uint64_t
fw_pg_connects(const struct fw_pg *pg)
{
	return pg->connects;
}
