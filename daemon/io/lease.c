/* SPDX-License-Identifier: Apache-2.0 */
/* The instance's lease; see lease.h. */
#include "io/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/pg_columns.h"
#include "io/store_sql.h"

#define NUMBER_MAX 24
#define TOLD_MAX 128

enum state { WAITING, HELD, LOST };

struct fw_lease {
	struct fw_lease_handlers handlers;
	char *instance, *mark;
	char holder[NUMBER_MAX], process[NUMBER_MAX], told[TOLD_MAX];
	struct fw_pg *pg;
	struct fw_timer *timer;
	enum state state;
	uint64_t fence, renewals;

	/* What was seen of another's lease, and since when nothing of it has changed. */
	char other[NUMBER_MAX], other_told[TOLD_MAX];
	int64_t seen_fence, seen_renewals, seen_since_us;
	int64_t waited_for; /* the fence of the holder that was told */
	bool seen;          /* since the connection is up */

	bool asking; /* the request is under way */
	char fence_text[NUMBER_MAX], renewals_text[NUMBER_MAX];
	const char *values[6];
	struct fw_pg_step step;
	struct fw_pg_request request;

	void (*given)(void *context);
	void *given_context;
};

/* Without the mark a daemon that starts while PostgreSQL is away takes in at once; one that cannot
 * be made costs no more than a moment of two daemons with one session. */
static void
mark_waiting(struct fw_lease *l, bool waiting)
{
	int fd;

	if (!waiting) {
		if (unlink(l->mark) != 0 && errno != ENOENT)
			fw_warning("%s: %s", l->mark, strerror(errno));
		return;
	}
	fd = open(l->mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		fw_warning("%s: %s", l->mark, strerror(errno));
	else
		close(fd);
}

uint64_t
fw_lease_renewals(const struct fw_lease *l)
{
	return l->renewals;
}

bool
fw_lease_was_waiting(const struct fw_lease *l)
{
	return access(l->mark, F_OK) == 0;
}

static void
send(struct fw_lease *l, enum fw_sql statement, int count,
    void (*rows)(size_t step, const PGresult *rows, void *context),
    void (*done)(const struct fw_pg_error *error, void *context))
{
	l->asking = true;
	l->step =
	    (struct fw_pg_step){.statement = statement, .param_count = count, .values = l->values};
	l->request = (struct fw_pg_request){
	    .steps = &l->step,
	    .step_count = 1,
	    .rows = rows,
	    .done = done,
	    .context = l,
	};
	fw_pg_send(l->pg, &l->request);
}

/* ---------------------------------------------------------------- held */

static void
given(const struct fw_pg_error *error, void *context)
{
	struct fw_lease *l = context;

	(void)error;
	l->given(l->given_context);
}

static void
give(struct fw_lease *l)
{
	l->values[0] = l->instance;
	l->values[1] = l->fence_text;
	send(l, FW_SQL_LEASE_GIVE, 2, NULL, given);
}

static void
lose(struct fw_lease *l)
{
	l->state = LOST;
	fw_timer_cancel(l->timer);
	l->handlers.lost(l->handlers.context);
}

static void
on_renewed(size_t step, const PGresult *rows, void *context)
{
	struct fw_lease *l = context;

	(void)step;
	l->seen = PQntuples(rows) == 1;
	l->renewals += l->seen;
}

static void
renewed(const struct fw_pg_error *error, void *context)
{
	struct fw_lease *l = context;

	l->asking = false;
	if (l->given) {
		give(l);
		return;
	}
	if (!error && !l->seen) {
		lose(l);
		return;
	}
	if (error && !error->lost)
		fw_warning("lease could not be renewed: %s", error->message);
	fw_timer_set(l->timer, FW_LEASE_RENEW_US);
}

static void
renew(struct fw_lease *l)
{
	l->seen = false;
	l->values[1] = l->fence_text;
	send(l, FW_SQL_LEASE_RENEW, 2, on_renewed, renewed);
}

/* ---------------------------------------------------------------- waiting */

static void
on_taken(size_t step, const PGresult *rows, void *context)
{
	struct fw_lease *l = context;

	(void)step;
	l->fence = (uint64_t)fw_get_int(rows, 0, 0);
}

static void
taken(const struct fw_pg_error *error, void *context)
{
	struct fw_lease *l = context;

	l->asking = false;
	if (l->given) {
		l->given(l->given_context);
		return;
	}
	fw_timer_set(l->timer, FW_LEASE_RENEW_US);
	if (error && !error->lost)
		fw_warning("lease could not be taken: %s", error->message);
	if (error || !l->fence)
		return;
	l->state = HELD;
	mark_waiting(l, false);
	snprintf(l->fence_text, sizeof(l->fence_text), "%" PRIu64, l->fence);
	l->handlers.held(l->fence, l->handlers.context);
}

static void
take(struct fw_lease *l)
{
	l->fence = 0;
	snprintf(l->fence_text, sizeof(l->fence_text), "%" PRId64, l->seen_fence);
	snprintf(l->renewals_text, sizeof(l->renewals_text), "%" PRId64, l->seen_renewals);
	l->values[1] = l->holder;
	l->values[2] = l->process;
	l->values[3] = l->told;
	l->values[4] = l->fence_text;
	l->values[5] = l->renewals_text;
	send(l, FW_SQL_LEASE_TAKE, 6, on_taken, taken);
}

static void
on_seen(size_t step, const PGresult *rows, void *context)
{
	struct fw_lease *l = context;
	int64_t fence = fw_get_int(rows, 0, 1), renewals = fw_get_int(rows, 0, 2);

	(void)step;
	snprintf(l->other, sizeof(l->other), "%s", fw_get_text(rows, 0, 0));
	snprintf(l->other_told, sizeof(l->other_told), "%s", fw_get_text(rows, 0, 3));
	if (l->seen && fence == l->seen_fence && renewals == l->seen_renewals)
		return;
	if (*l->other && strcmp(l->other, l->holder) != 0 && fence != l->waited_for) {
		l->waited_for = fence;
		mark_waiting(l, true);
		l->handlers.waits(l->other_told, l->handlers.context);
	}
	l->seen = true;
	l->seen_fence = fence;
	l->seen_renewals = renewals;
	l->seen_since_us = fw_monotonic_us();
}

static bool
may_take(const struct fw_lease *l)
{
	return !*l->other || strcmp(l->other, l->holder) == 0 ||
	       fw_monotonic_us() - l->seen_since_us >= FW_LEASE_PATIENCE_US;
}

static void
looked(const struct fw_pg_error *error, void *context)
{
	struct fw_lease *l = context;

	l->asking = false;
	if (l->given) {
		l->given(l->given_context);
		return;
	}
	if (error && !error->lost)
		fw_warning("lease could not be read: %s", error->message);
	if (!error && may_take(l))
		take(l);
	else
		fw_timer_set(l->timer, FW_LEASE_RENEW_US);
}

static void
look(struct fw_lease *l)
{
	l->other[0] = '\0'; /* no row: nobody has had it */
	send(l, FW_SQL_LEASE_SEE, 1, on_seen, looked);
}

static void
ask(struct fw_lease *l)
{
	if (l->asking || !fw_pg_is_up(l->pg))
		return;
	l->values[0] = l->instance;
	if (l->state == HELD)
		renew(l);
	else if (l->state == WAITING)
		look(l);
}

static void
on_timer(void *context)
{
	ask(context);
}

/* What was seen before a gap in the watching says nothing of what happened in it. */
static void
on_up(bool up, const char *why, void *context)
{
	struct fw_lease *l = context;

	if (up) {
		if (l->state == WAITING)
			l->seen = false;
		ask(l);
	}
	l->handlers.up(up, why, l->handlers.context);
}

/* ---------------------------------------------------------------- face */

void
fw_lease_give(struct fw_lease *l, void (*done)(void *context), void *context)
{
	bool was_held = l->state == HELD;

	l->state = LOST;
	fw_timer_cancel(l->timer);
	l->given = done;
	l->given_context = context;
	if (l->asking)
		return; /* first the answer that is on its way */
	if (was_held && fw_pg_is_up(l->pg))
		give(l);
	else
		done(context);
}

void
fw_lease_session_name(uint64_t holder, const char *part, char *out, size_t out_size)
{
	snprintf(out, out_size, "firewatchd/%s/%" PRIu64 "/%d", part, holder, (int)getpid());
}

struct fw_lease *
fw_lease_new(struct fw_loop *loop, const struct fw_lease_options *options,
    const struct fw_lease_handlers *handlers)
{
	struct fw_lease *l = fw_calloc(1, sizeof(*l));
	char name[FW_PG_NAME_MAX], host[64] = "";

	l->handlers = *handlers;
	l->instance = fw_strdup(options->instance);
	l->mark = fw_strdup(options->mark);
	snprintf(l->holder, sizeof(l->holder), "%" PRIu64, options->holder);
	snprintf(l->process, sizeof(l->process), "%d", (int)getpid());
	gethostname(host, sizeof(host) - 1);
	snprintf(l->told, sizeof(l->told), "%s, process %s", host, l->process);
	l->timer = fw_timer_new(loop, on_timer, l);
	fw_lease_session_name(options->holder, "lease", name, sizeof(name));
	l->pg = fw_pg_new(loop,
	    &(struct fw_pg_options){
		.dsn = options->dsn,
		.application_name = name,
		.label = "lease",
		.retry_max_ms = options->retry_max_ms,
		.statements = fw_sql_statements,
		.statement_first = FW_SQL_OF_LEASE,
		.statement_end = FW_SQL_OF_LEASE_END,
	    },
	    &(struct fw_pg_handlers){.up = on_up, .context = l});
	return l;
}

void
fw_lease_free(struct fw_lease *l)
{
	if (!l)
		return;
	fw_pg_free(l->pg);
	fw_timer_free(l->timer);
	free(l->instance);
	free(l->mark);
	free(l);
}

void
fw_lease_start(struct fw_lease *l)
{
	fw_pg_start(l->pg);
}

struct fw_pg *
fw_lease_pg(struct fw_lease *l)
{
	return l->pg;
}
