/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection comes and goes; see pg_state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/pg_state.h"

#define CONNECT_WITHIN_US (15 * FW_S)
#define HOST_WITHIN_US (4 * FW_S) /* when there is another one to be tried */

void
fw_pg_set_why(struct fw_pg *pg, const char *why)
{
	size_t n = strcspn(why, "\n");

	if (n == 0) {
		why = "connection lost";
		n = strlen(why);
	}
	snprintf(pg->why, sizeof(pg->why), "%.*s", (int)(n < FW_PG_WHY_MAX ? n : FW_PG_WHY_MAX - 1),
	    why);
}

static void
tell_down(struct fw_pg *pg)
{
	if (strcmp(pg->told, pg->why) == 0)
		return;
	memcpy(pg->told, pg->why, sizeof(pg->told));
	fw_warning("postgres %s: not connected: %s", pg->label, pg->why);
	if (pg->handlers.up)
		pg->handlers.up(false, pg->why, pg->handlers.context);
}

static void
tell_up(struct fw_pg *pg)
{
	pg->told[0] = '\0';
	pg->connects++;
	fw_notice("postgres %s: connected", pg->label);
	if (pg->handlers.up)
		pg->handlers.up(true, "connected", pg->handlers.context);
}

static int64_t
jittered(int64_t pause_us)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = UINT32_MAX / 2;
	return pause_us / 2 + (int64_t)((double)pause_us * (random / (double)UINT32_MAX)) / 2;
}

/* The next host when this one did not let us in; true: without a pause, for it has not been tried
 * yet. */
static bool
change_host(struct fw_pg *pg)
{
	if (pg->state == UP || pg->host_count < 2)
		return false;
	pg->host = (pg->host + 1) % pg->host_count;
	return pg->host != 0;
}

/* False: the next host is tried at once. */
static bool
pause_connect(struct fw_pg *pg)
{
	int64_t most = pg->options.retry_max_ms * FW_MS;
	bool at_once = change_host(pg);

	pg->state = PAUSED;
	if (at_once) {
		fw_timer_set(pg->timer, 0);
		return false;
	}
	fw_timer_set(pg->timer, jittered(pg->pause_us));
	pg->pause_us *= 2;
	if (pg->pause_us > most)
		pg->pause_us = most > FW_PG_RETRY_FIRST_US ? most : FW_PG_RETRY_FIRST_US;
	return true;
}

/* The connection is of no use any more. */
void
fw_pg_drop(struct fw_pg *pg)
{
	struct fw_pg_request *active = pg->active;

	fw_watch_free(pg->watch);
	pg->watch = NULL;
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->active = NULL;
	if (pause_connect(pg))
		tell_down(pg); /* of several hosts, the reason of the last */
	if (active)
		fw_pg_answer(pg, active, true);
	fw_pg_refuse_queue(pg);
	pg->sqlstate[0] = '\0';
}

void
fw_pg_lose(struct fw_pg *pg)
{
	if (!pg->failed)
		fw_pg_set_why(pg, PQerrorMessage(pg->conn));
	fw_pg_drop(pg);
}

static void
on_notice(void *context, const PGresult *notice)
{
	(void)context;
	fw_debug("postgres notice: %s", PQresultErrorMessage(notice));
}

/* Plans go by key and are made once, whatever the statistics say: a day's partition is empty when
   its plan is made, and the scan that is cheapest then is ruinous an hour later. */
static const char *const session[] = {
    "SET search_path TO firewatch, pg_temp",
    "SET plan_cache_mode TO force_generic_plan",
    "SET enable_seqscan TO off",
    "SET jit TO off",
    /* A person's open transaction must not hold the lane: the batch is refused, told and sent
       again. */
    "SET lock_timeout TO '5s'",
    /* Rows go to the disk as they come.  Left to the kernel they pile up, and half a minute later a
       flood's pages stand in front of an alarm's commit for the better part of a second. */
    "SET backend_flush_after TO '1MB'",
    /* The fence is read after the lock that it waits for. */
    "SET default_transaction_isolation TO 'read committed'",
    /* A receipt speaks for what is on disk, whatever the role's default is. */
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')",
};

static bool
put_set_up(struct fw_pg *pg)
{
	for (size_t i = 0; i < sizeof(session) / sizeof(session[0]); i++)
		if (!PQsendQueryParams(pg->conn, session[i], 0, NULL, NULL, NULL, NULL, 1))
			return false;
	for (size_t i = 0; i < pg->options.listen_count; i++) {
		char *channel = PQescapeIdentifier(
		    pg->conn, pg->options.listen[i], strlen(pg->options.listen[i]));
		char command[160];

		if (!channel)
			return false;
		snprintf(command, sizeof(command), "LISTEN %s", channel);
		PQfreemem(channel);
		if (!PQsendQueryParams(pg->conn, command, 0, NULL, NULL, NULL, NULL, 1))
			return false;
	}
	for (size_t i = pg->options.statement_first; i < pg->options.statement_end; i++)
		if (strncmp(pg->options.statements[i].sql, "COPY", 4) != 0 &&
		    !PQsendPrepare(pg->conn, pg->options.statements[i].name,
			pg->options.statements[i].sql, 0, NULL))
			return false;
	return PQpipelineSync(pg->conn) != 0;
}

static void
begin_set_up(struct fw_pg *pg)
{
	pg->state = PREPARING;
	PQsetNoticeReceiver(pg->conn, on_notice, NULL);
	if (PQsetnonblocking(pg->conn, 1) != 0 || !PQenterPipelineMode(pg->conn)) {
		fw_pg_lose(pg);
		return;
	}
	fw_pg_begin_request(pg, &pg->set_up);
	if (!put_set_up(pg))
		fw_pg_lose(pg);
	else
		fw_pg_flush(pg);
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

void
fw_pg_finish_set_up(struct fw_pg *pg)
{
	if (pg->failed) {
		size_t n = strlen(pg->why);

		if (is_schema_fault(pg->sqlstate))
			snprintf(
			    pg->why + n, sizeof(pg->why) - n, "; run \"firewatchctl db migrate\"");
		pg->active = NULL;
		fw_pg_drop(pg);
		return;
	}
	pg->active = NULL;
	pg->state = UP;
	pg->pause_us = FW_PG_RETRY_FIRST_US;
	fw_timer_cancel(pg->timer);
	tell_up(pg);
	fw_pg_serve(pg);
}

static void poll_connect(struct fw_pg *pg);

static void
on_connecting(int what, void *context)
{
	(void)what;
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
		watch_socket(pg, FW_READ, fw_pg_on_session);
		begin_set_up(pg);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		break;
	}
	fw_pg_lose(pg);
}

/* ---------------------------------------------------------------- hosts */

/* The n-th word between commas, or the only one; NULL where there is none. */
static char *
word_of(const char *list, size_t n)
{
	char *word;
	size_t length;

	if (!list || !*list)
		return NULL;
	for (; n > 0 && strchr(list, ','); n--)
		list = strchr(list, ',') + 1;
	length = strcspn(list, ",");
	if (!length)
		return NULL;
	word = fw_calloc(length + 1, 1);
	memcpy(word, list, length);
	return word;
}

static size_t
count_words(const char *list)
{
	size_t n = list && *list;

	for (; n && *list; list++)
		n += *list == ',';
	return n;
}

static const char *
value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

/* libpq would try the second host only when the first refuses, and the timer here is for all. */
static void
read_hosts(struct fw_pg *pg)
{
	PQconninfoOption *options = PQconninfoParse(pg->dsn, NULL);
	const char *hosts = value_of(options, "host"), *addresses = value_of(options, "hostaddr");
	size_t count = count_words(addresses) ? count_words(addresses) : count_words(hosts);

	if (count >= 2)
		pg->hosts = fw_calloc(count, sizeof(*pg->hosts));
	pg->host_count = pg->hosts ? count : 0;
	for (size_t i = 0; i < pg->host_count; i++)
		pg->hosts[i] = (struct fw_pg_host){
		    .host = word_of(hosts, i),
		    .address = word_of(addresses, i),
		    .port = word_of(value_of(options, "port"), i),
		};
	PQconninfoFree(options);
}

void
fw_pg_connect_free(struct fw_pg *pg)
{
	for (size_t i = 0; i < pg->host_count; i++) {
		free(pg->hosts[i].host);
		free(pg->hosts[i].address);
		free(pg->hosts[i].port);
	}
	free(pg->hosts);
}

static void
begin_connect(struct fw_pg *pg)
{
	const struct fw_pg_host *h = pg->hosts ? &pg->hosts[pg->host] : NULL;
	/* what stands before dbname is a default, what stands behind it holds; NULL is left out */
	const char *const keys[] = {"keepalives_idle", "keepalives_interval", "keepalives_count",
	    "tcp_user_timeout", "dbname", "application_name", "client_encoding", "host", "hostaddr",
	    "port", NULL};
	const char *const values[] = {"10", "5", "3", "15000", pg->dsn, pg->application_name,
	    "UTF8", h ? h->host : NULL, h ? h->address : NULL, h ? h->port : NULL, NULL};

	pg->state = CONNECTING;
	pg->failed = false;
	pg->sqlstate[0] = '\0';
	pg->conn = PQconnectStartParams(keys, values, 1);
	if (!pg->conn)
		abort();
	fw_timer_set(pg->timer, h ? HOST_WITHIN_US : CONNECT_WITHIN_US);
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		fw_pg_lose(pg);
	else
		watch_socket(pg, FW_WRITE, on_connecting);
}

void
fw_pg_on_timer(void *context)
{
	struct fw_pg *pg = context;

	switch (pg->state) {
	case PAUSED:
		begin_connect(pg);
		break;
	case CONNECTING:
	case PREPARING:
		fw_pg_set_why(pg, "connecting takes too long");
		pg->active = NULL;
		fw_pg_drop(pg);
		break;
	case UP: /* its kernel acknowledges, it does not answer: the outcome is unknown, as with a
		    lost one */
		fw_pg_set_why(pg, "no answer");
		fw_pg_drop(pg);
		break;
	case OFF:
		break;
	}
}

void
fw_pg_start(struct fw_pg *pg)
{
	if (pg->state != OFF)
		return;
	read_hosts(pg);
	begin_connect(pg);
}
