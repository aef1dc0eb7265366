/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One asynchronous PostgreSQL connection; see pg.h.
 *
 *	OFF         not started
 *	PAUSED      waiting to try again
 *	CONNECTING  in PQconnectPoll
 *	PREPARING   the session is being set up
 *	UP          serving requests
 */
#include "io/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

#define RETRY_FIRST_US (100 * FW_MS)
#define CONNECT_WITHIN_US (15 * FW_S)
#define WHY_MAX 512

enum state { OFF, PAUSED, CONNECTING, PREPARING, UP };

struct fw_pg {
	struct fw_loop *loop;
	struct fw_pg_options options;
	struct fw_pg_handlers handlers;
	char *dsn, *application_name;
	enum state state;
	PGconn *conn;
	struct fw_watch *watch;
	struct fw_timer *timer; /* PAUSED: try again; CONNECTING, PREPARING: it takes too long */
	struct fw_timer *turn;  /* begins or refuses what was sent, outside of the sender's call */
	int64_t pause_us;
	uint64_t connects;

	struct fw_pg_request *queue, **queue_end;
	struct fw_pg_request *active;
	struct fw_pg_request set_up, rollback; /* the connection's own */
	size_t step; /* of active, whose answer comes next */

	bool failed; /* the active request has an error */
	char sqlstate[6];
	char why[WHY_MAX];
	char told[WHY_MAX]; /* the last reason that was logged and handed on */
};

static void serve(struct fw_pg *pg);

static void
set_why(struct fw_pg *pg, const char *why)
{
	size_t n = strcspn(why, "\n");

	if (n == 0) {
		why = "connection lost";
		n = strlen(why);
	}
	snprintf(pg->why, sizeof(pg->why), "%.*s", (int) (n < WHY_MAX ? n : WHY_MAX - 1), why);
}

static void
tell_down(struct fw_pg *pg)
{
	if (strcmp(pg->told, pg->why) == 0)
		return;
	memcpy(pg->told, pg->why, sizeof(pg->told));
	fw_warning("postgres %s: not connected: %s", pg->application_name, pg->why);
	if (pg->handlers.up)
		pg->handlers.up(false, pg->why, pg->handlers.context);
}

static void
tell_up(struct fw_pg *pg)
{
	pg->told[0] = '\0';
	pg->connects++;
	fw_notice("postgres %s: connected", pg->application_name);
	if (pg->handlers.up)
		pg->handlers.up(true, "connected", pg->handlers.context);
}

static void
answer(struct fw_pg *pg, struct fw_pg_request *request, bool lost)
{
	char why[WHY_MAX], sqlstate[sizeof(pg->sqlstate)];
	struct fw_pg_error error = {.lost = lost, .sqlstate = sqlstate, .message = why};
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
static void
refuse_queue(struct fw_pg *pg)
{
	struct fw_pg_request *request = pg->queue, *next;

	pg->queue = NULL;
	pg->queue_end = &pg->queue;
	for (; request; request = next) {
		next = request->next;
		answer(pg, request, true);
	}
}

static int64_t
jittered(int64_t pause_us)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = UINT32_MAX / 2;
	return pause_us / 2 + (int64_t) ((double) pause_us * (random / (double) UINT32_MAX)) / 2;
}

static void
pause_connect(struct fw_pg *pg)
{
	int64_t most = pg->options.retry_max_ms * FW_MS;

	pg->state = PAUSED;
	fw_timer_set(pg->timer, jittered(pg->pause_us));
	pg->pause_us *= 2;
	if (pg->pause_us > most)
		pg->pause_us = most > RETRY_FIRST_US ? most : RETRY_FIRST_US;
}

/* The connection is of no use any more. */
static void
drop(struct fw_pg *pg)
{
	struct fw_pg_request *active = pg->active;

	fw_watch_free(pg->watch);
	pg->watch = NULL;
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->active = NULL;
	pause_connect(pg);
	tell_down(pg);
	if (active)
		answer(pg, active, true);
	refuse_queue(pg);
	pg->sqlstate[0] = '\0';
}

static void
lose(struct fw_pg *pg)
{
	if (!pg->failed)
		set_why(pg, PQerrorMessage(pg->conn));
	drop(pg);
}

/* False: the connection was lost, and is gone. */
static bool
flush(struct fw_pg *pg)
{
	int left = PQflush(pg->conn);

	if (left < 0) {
		lose(pg);
		return false;
	}
	fw_watch_set(pg->watch, left ? FW_READ | FW_WRITE : FW_READ);
	return true;
}

static bool
put_steps(struct fw_pg *pg, const struct fw_pg_request *request)
{
	for (size_t i = 0; i < request->step_count; i++) {
		const struct fw_pg_step *s = &request->steps[i];

		if (!PQsendQueryPrepared(pg->conn, pg->options.statements[s->statement].name, s->param_count, s->values,
			s->lengths, s->formats, 1))
			return false;
	}
	return PQpipelineSync(pg->conn) != 0;
}

static void
begin_request(struct fw_pg *pg, struct fw_pg_request *request)
{
	pg->active = request;
	pg->step = 0;
	pg->failed = false;
	pg->sqlstate[0] = '\0';
	if (request->row_by_row)
		PQsetSingleRowMode(pg->conn);
}

static void
on_notice(void *context, const PGresult *notice)
{
	(void) context;
	fw_debug("postgres notice: %s", PQresultErrorMessage(notice));
}

static bool
put_set_up(struct fw_pg *pg)
{
	if (!PQsendQueryParams(pg->conn, "SET search_path TO firewatch, pg_temp", 0, NULL, NULL, NULL, NULL, 1))
		return false;
	for (size_t i = 0; i < pg->options.listen_count; i++) {
		char *channel = PQescapeIdentifier(pg->conn, pg->options.listen[i], strlen(pg->options.listen[i]));
		char command[160];

		if (!channel)
			return false;
		snprintf(command, sizeof(command), "LISTEN %s", channel);
		PQfreemem(channel);
		if (!PQsendQueryParams(pg->conn, command, 0, NULL, NULL, NULL, NULL, 1))
			return false;
	}
	for (size_t i = 0; i < pg->options.statement_count; i++)
		if (!PQsendPrepare(pg->conn, pg->options.statements[i].name, pg->options.statements[i].sql, 0, NULL))
			return false;
	return PQpipelineSync(pg->conn) != 0;
}

static void
begin_set_up(struct fw_pg *pg)
{
	pg->state = PREPARING;
	PQsetNoticeReceiver(pg->conn, on_notice, NULL);
	if (PQsetnonblocking(pg->conn, 1) != 0 || !PQenterPipelineMode(pg->conn)) {
		lose(pg);
		return;
	}
	begin_request(pg, &pg->set_up);
	if (!put_set_up(pg))
		lose(pg);
	else
		flush(pg);
}

/* The schema is missing, or older than the statements. */
static bool
is_schema_fault(const char *sqlstate)
{
	static const char *const states[] = {"42P01", "42703", "42883", "3F000", "42P10", "42704"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(sqlstate, states[i]) == 0)
			return true;
	return false;
}

static void
finish_set_up(struct fw_pg *pg)
{
	if (pg->failed) {
		size_t n = strlen(pg->why);

		if (is_schema_fault(pg->sqlstate))
			snprintf(pg->why + n, sizeof(pg->why) - n, "; run \"firewatchctl db migrate\"");
		pg->active = NULL;
		drop(pg);
		return;
	}
	pg->active = NULL;
	pg->state = UP;
	pg->pause_us = RETRY_FIRST_US;
	fw_timer_cancel(pg->timer);
	tell_up(pg);
	serve(pg);
}

/* A request that failed after its BEGIN leaves its transaction open. */
static void
begin_rollback(struct fw_pg *pg)
{
	begin_request(pg, &pg->rollback);
	if (!PQsendQueryParams(pg->conn, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 1) || !PQpipelineSync(pg->conn))
		lose(pg);
	else
		flush(pg);
}

/* All answers of the active request are in. */
static void
finish_request(struct fw_pg *pg)
{
	struct fw_pg_request *request = pg->active;
	bool is_rollback = request == &pg->rollback;

	if (request == &pg->set_up) {
		finish_set_up(pg);
		return;
	}
	pg->active = NULL;
	answer(pg, request, false); /* it may be gone then */
	pg->failed = false;
	if (PQtransactionStatus(pg->conn) == PQTRANS_IDLE || is_rollback)
		serve(pg);
	else
		begin_rollback(pg);
}

static void
note_error(struct fw_pg *pg, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (pg->failed)
		return;
	pg->failed = true;
	snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", state ? state : "");
	set_why(pg, primary ? primary : PQresultErrorMessage(result));
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
	case PGRES_EMPTY_QUERY:
	case PGRES_PIPELINE_ABORTED:
		return;
	case PGRES_PIPELINE_SYNC:
		finish_request(pg);
		return;
	case PGRES_FATAL_ERROR:
		note_error(pg, result);
		return;
	case PGRES_NONFATAL_ERROR:
	case PGRES_BAD_RESPONSE:
	case PGRES_COPY_OUT:
	case PGRES_COPY_IN:
	case PGRES_COPY_BOTH:
		break;
	}
	note_error(pg, result);
	drop(pg);
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
			lose(pg);
			return;
		}
		if (!result) { /* ends the answer to one step */
			pg->step++;
			if (pg->active->row_by_row)
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

static void
on_session(int what, void *context)
{
	struct fw_pg *pg = context;

	if ((what & FW_READ) && !PQconsumeInput(pg->conn)) {
		take_results(pg); /* the server's last word */
		if (pg->conn)
			lose(pg);
		return;
	}
	if (!flush(pg))
		return;
	take_results(pg);
	if (pg->conn)
		take_notifies(pg);
}

static void poll_connect(struct fw_pg *pg);

static void
on_connecting(int what, void *context)
{
	(void) what;
	poll_connect(context);
}

/* The socket may change at each step: the watch is made anew. */
static void
watch_socket(struct fw_pg *pg, int what, void (*ready)(int what, void *context))
{
	fw_watch_free(pg->watch);
	pg->watch = fw_watch_new(pg->loop, PQsocket(pg->conn), what, ready, pg);
}

static void
poll_connect(struct fw_pg *pg)
{
	switch (PQconnectPoll(pg->conn)) {
	case PGRES_POLLING_READING:
		watch_socket(pg, FW_READ, on_connecting);
		return;
	case PGRES_POLLING_WRITING:
		watch_socket(pg, FW_WRITE, on_connecting);
		return;
	case PGRES_POLLING_OK:
		watch_socket(pg, FW_READ, on_session);
		begin_set_up(pg);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		break;
	}
	lose(pg);
}

static void
begin_connect(struct fw_pg *pg)
{
	/* what stands before dbname is a default, what stands behind it holds */
	const char *const keys[] = {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	    "dbname", "application_name", "client_encoding", NULL};
	const char *const values[] = {"10", "5", "3", "15000", pg->dsn, pg->application_name, "UTF8", NULL};

	pg->state = CONNECTING;
	pg->failed = false;
	pg->sqlstate[0] = '\0';
	pg->conn = PQconnectStartParams(keys, values, 1);
	if (!pg->conn)
		abort();
	fw_timer_set(pg->timer, CONNECT_WITHIN_US);
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		lose(pg);
	else
		watch_socket(pg, FW_WRITE, on_connecting);
}

static void
on_timer(void *context)
{
	struct fw_pg *pg = context;

	switch (pg->state) {
	case PAUSED:
		begin_connect(pg);
		break;
	case CONNECTING:
	case PREPARING:
		set_why(pg, "connecting takes too long");
		pg->active = NULL;
		drop(pg);
		break;
	case OFF:
	case UP:
		break;
	}
}

static void
serve(struct fw_pg *pg)
{
	struct fw_pg_request *request;

	if (pg->state != UP || pg->active || !(request = take_request(pg)))
		return;
	if (!put_steps(pg, request)) {
		pg->active = request;
		pg->failed = false;
		lose(pg);
		return;
	}
	begin_request(pg, request);
	flush(pg);
}

static void
on_turn(void *context)
{
	struct fw_pg *pg = context;

	if (pg->state == UP)
		serve(pg);
	else if (pg->state != PREPARING)
		refuse_queue(pg);
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
fw_pg_new(struct fw_loop *loop, const struct fw_pg_options *options, const struct fw_pg_handlers *handlers)
{
	struct fw_pg *pg = fw_calloc(1, sizeof(*pg));

	pg->loop = loop;
	pg->options = *options;
	pg->handlers = *handlers;
	pg->dsn = fw_strdup(options->dsn);
	pg->application_name = fw_strdup(options->application_name);
	pg->pause_us = RETRY_FIRST_US;
	pg->queue_end = &pg->queue;
	pg->timer = fw_timer_new(loop, on_timer, pg);
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
	free(pg);
}

void
fw_pg_start(struct fw_pg *pg)
{
	if (pg->state == OFF)
		begin_connect(pg);
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
