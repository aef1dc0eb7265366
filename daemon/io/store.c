/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one lane writes to PostgreSQL; see store.h.  Two batches change places: one gathers, the
 * other is under way until it is committed, however often it has to be sent.
 */
#include "io/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/store_inside.h"

/* ---------------------------------------------------------------- sending */

static void
add_params(struct fw_store *s, struct fw_pg_step *step, struct fw_columns *c, size_t *used)
{
	fw_columns_params(c, s->values + *used, s->lengths + *used, s->formats + *used);
	step->param_count += (int)c->count;
	*used += c->count;
}

struct fw_pg_step *
fw_store_add_step(struct fw_store *s, enum fw_sql statement, size_t used)
{
	struct fw_pg_step *step = &s->steps[s->request.step_count++];

	*step = (struct fw_pg_step){
	    .statement = statement,
	    .values = s->values + used,
	    .lengths = s->lengths + used,
	    .formats = s->formats + used,
	};
	return step;
}

/* Only the alarm lane's reports have decided state. */
static bool
expects_new(const struct fw_store *s)
{
	return s->lane == FW_LANE_ALARM && s->fresh && s->refuse_known && !s->sent->has_replays;
}

static bool
may_copy(const struct fw_store *s)
{
	return s->lane == FW_LANE_TELEMETRY && s->fresh && !s->copy_refused &&
	       s->sent->columns[FW_SQL_REPORT].rows >= FW_COPY_ROWS_LEAST;
}

static void
add_rows(struct fw_store *s, enum fw_sql rows, size_t *used)
{
	struct fw_pg_step *step;
	bool is_report = rows == FW_SQL_REPORT;

	if (s->sent->columns[rows].rows == 0)
		return;
	if (is_report && may_copy(s)) {
		fw_copy_reports(s->sent);
		step = fw_store_add_step(s, FW_SQL_REPORT_COPY, *used);
		step->copy = (const char *)s->sent->copy;
		step->copy_len = s->sent->copy_len;
		return;
	}
	step = fw_store_add_step(s, is_report && expects_new(s) ? FW_SQL_REPORT_NEW : rows, *used);
	add_params(s, step, &s->sent->columns[rows], used);
	if (is_report)
		add_params(s, step, &s->sent->readings, used);
}

void
fw_store_request(struct fw_store *s, enum fw_store_phase phase,
    void (*rows)(size_t step, const PGresult *rows, void *context),
    void (*done)(const struct fw_pg_error *error, void *context))
{
	s->phase = phase;
	s->request.steps = s->steps;
	s->request.rows = rows;
	s->request.done = done;
	fw_pg_send(s->pg, &s->request);
}

static void on_rows(size_t step, const PGresult *rows, void *context);
static void on_written(size_t step, uint64_t rows, void *context);
static void on_done(const struct fw_pg_error *error, void *context);

void
fw_store_transmit(struct fw_store *s)
{
	size_t used = 0;
	struct fw_pg_step *enter;

	fw_batch_mark(s->sent);
	s->request.step_count = 0;
	fw_store_add_step(s, FW_SQL_BEGIN, used);
	enter = fw_store_add_step(s, FW_SQL_ENTER, used);
	*enter = (struct fw_pg_step){
	    .statement = FW_SQL_ENTER, .param_count = 2, .values = s->enter_values};
	s->enter_values[0] = s->instance;
	s->enter_values[1] = s->fence_text;
	for (int i = 0; i < FW_SQL_BATCH; i++)
		add_rows(s, (enum fw_sql)i, &used);
	fw_store_add_step(s, FW_SQL_COMMIT, used);
	fw_strmap_fini(&s->claimed);
	fw_strmap_init(&s->claimed, 0);
	s->known_now = 0;
	s->sent_at_us = fw_loop_now_us(s->loop);
	s->request.written = on_written;
	fw_store_request(s, BATCH, on_rows, on_done);
}

void
fw_store_transmit_again(struct fw_store *s)
{
	if (s->sent && s->phase == IDLE && fw_pg_is_up(s->pg) && !fw_timer_is_set(s->retry))
		fw_store_transmit(s);
}

static void
on_retry(void *context)
{
	fw_store_transmit_again(context);
}

static bool
is_empty(const struct fw_batch *b, const struct fw_store *s)
{
	return b->row_count == 0 &&
	       (!b->has_checkpoint || (b->journal == s->journal && b->position == s->position));
}

bool
fw_store_send(struct fw_store *s)
{
	if (s->sent || s->phase != IDLE || !fw_pg_is_up(s->pg) || is_empty(s->gathering, s))
		return false;
	s->sent = s->gathering;
	s->gathering = &s->batches[s->sent == &s->batches[0]];
	if (!s->sent->has_checkpoint) {
		s->sent->journal = s->journal;
		s->sent->position = s->position;
	}
	fw_batch_seal(s->sent, s->fence, s->serial++);
	s->fresh = true;
	s->copy_refused = false;
	fw_store_transmit(s);
	return true;
}

/* ---------------------------------------------------------------- answers */

static void
on_rows(size_t step, const PGresult *rows, void *context)
{
	struct fw_store *s = context;
	size_t statement = s->steps[step].statement;

	if (statement != FW_SQL_PAGE && statement != FW_SQL_CLAIM)
		return;
	for (int i = 0; i < PQntuples(rows); i++) {
		const char *id = fw_get_text(rows, i, 0);
		size_t n = fw_get_length(rows, i, 0);

		if (!fw_get_int(rows, i, 1))
			continue;
		id = fw_arena_text(&s->sent->arena, id, n);
		fw_strmap_put(&s->claimed, id, n, s);
	}
}

static void
on_written(size_t step, uint64_t rows, void *context)
{
	struct fw_store *s = context;
	size_t sent = s->sent->columns[FW_SQL_REPORT].rows;

	if (s->steps[step].statement == FW_SQL_REPORT && s->fresh && rows < sent)
		s->known_now = sent - rows;
}

/* Parts the batch's pages into claimed ones, first, and refused ones; returns how many are claimed.
 */
static size_t
part_claims(struct fw_store *s, const char **ids, size_t count)
{
	size_t claimed = 0;

	for (size_t i = 0; i < count; i++) {
		const char *id = ids[i];

		if (!fw_strmap_get(&s->claimed, id, strlen(id)))
			continue;
		ids[i] = ids[claimed];
		ids[claimed++] = id;
	}
	return claimed;
}

/* What the handler is given is taken out of the batch first, so that the handler may send the next
 * one. */
static void
committed(struct fw_store *s)
{
	struct fw_batch *b = s->sent;
	struct fw_committed done = {
	    .serial = s->serial - 1,
	    .items = b->items,
	    .item_count = b->item_count,
	    .has_checkpoint = b->has_checkpoint,
	    .journal = b->journal,
	    .position = b->position,
	    .known = s->known_now,
	    .took_us = s->took_us,
	};
	const char **ids = b->page_ids;
	struct fw_arena arena = b->arena;

	for (size_t i = 0; i < b->granted_count; i++)
		fw_strmap_put(&s->claimed, b->granted[i], strlen(b->granted[i]), s);
	done.claimed_count = part_claims(s, ids, b->page_id_count);
	done.claimed = ids;
	done.refused = ids ? ids + done.claimed_count : NULL;
	done.refused_count = b->page_id_count - done.claimed_count;
	b->items = NULL;
	b->page_ids = NULL;
	b->item_cap = b->page_id_cap = 0;
	fw_arena_init(&b->arena, 4096);
	fw_batch_reset(b);
	s->sent = NULL;
	s->handlers.committed(&done, s->handlers.context);
	free(done.items);
	free(ids);
	fw_arena_fini(&arena);
}

static void
note_committed(struct fw_store *s)
{
	struct fw_batch *b = s->sent;

	s->committed = s->serial - 1;
	s->transactions++;
	s->rows += b->row_count;
	s->known += s->known_now;
	s->took_us = fw_loop_now_us(s->loop) - s->sent_at_us;
	s->pause_us = FW_STORE_RETRY_FIRST_US;
	if (b->has_checkpoint) {
		s->journal = b->journal;
		s->position = b->position;
	}
	if (s->told[0])
		fw_notice("store %s: batch %llu is committed after all", fw_lane_name(s->lane),
		    (unsigned long long)s->committed);
	s->told[0] = '\0';
}

static void
on_done(const struct fw_pg_error *error, void *context)
{
	struct fw_store *s = context;

	s->phase = IDLE;
	if (error) {
		fw_store_failed(s, error);
		return;
	}
	note_committed(s);
	committed(s);
}

static void
on_up(bool up, const char *why, void *context)
{
	struct fw_store *s = context;

	if (s->phase == OVER)
		return;
	if (!up) {
		s->handlers.up(false, why, s->handlers.context);
		return;
	}
	fw_timer_cancel(s->retry);
	if (s->journal) {
		fw_store_check(s);
		return;
	}
	s->fresh = false; /* nobody can tell */
	fw_store_transmit_again(s);
	s->handlers.up(true, why, s->handlers.context);
}

static void
on_notified(const char *channel, const char *payload, void *context)
{
	struct fw_store *s = context;

	if (s->handlers.notified)
		s->handlers.notified(channel, payload, s->handlers.context);
}

/* ---------------------------------------------------------------- face */

static void
connect_to(struct fw_store *s, const struct fw_store_options *options)
{
	const struct fw_pg_handlers handlers = {.up = on_up, .notified = on_notified, .context = s};

	s->pg = fw_pg_new(s->loop,
	    &(struct fw_pg_options){
		.dsn = options->dsn,
		.application_name = options->session_name,
		.label = fw_lane_name(s->lane),
		.retry_max_ms = options->retry_max_ms,
		.statements = fw_sql_statements,
		.statement_end = FW_SQL_COUNT,
		.listen = (const char *const *)s->channels,
		.listen_count = s->channel_count,
	    },
	    &handlers);
}

struct fw_store *
fw_store_new(struct fw_loop *loop, const struct fw_store_options *options,
    const struct fw_store_handlers *handlers)
{
	struct fw_store *s = fw_calloc(1, sizeof(*s));

	s->loop = loop;
	s->handlers = *handlers;
	s->instance = fw_strdup(options->instance);
	s->lane = options->lane;
	s->channel_count = options->listen_count;
	s->channels = fw_calloc(s->channel_count, sizeof(*s->channels));
	for (size_t i = 0; i < s->channel_count; i++)
		s->channels[i] = fw_strdup(options->listen[i]);
	s->retry_max_us = options->retry_max_ms * FW_MS;
	s->pause_us = FW_STORE_RETRY_FIRST_US;
	s->retry = fw_timer_new(loop, on_retry, s);
	fw_batch_init(&s->batches[0], s->instance, s->lane);
	fw_batch_init(&s->batches[1], s->instance, s->lane);
	s->refuse_known = true;
	s->gathering = &s->batches[0];
	s->serial = 1;
	fw_strmap_init(&s->claimed, 0);
	s->request.context = s;
	connect_to(s, options);
	return s;
}

void
fw_store_free(struct fw_store *s)
{
	if (!s)
		return;
	fw_pg_free(s->pg);
	fw_timer_free(s->retry);
	fw_batch_fini(&s->batches[0]);
	fw_batch_fini(&s->batches[1]);
	fw_strmap_fini(&s->claimed);
	fw_refusal_fini(&s->refusal);
	for (size_t i = 0; i < s->channel_count; i++)
		free(s->channels[i]);
	free(s->channels);
	free(s->instance);
	free(s);
}

void
fw_store_start(struct fw_store *s, uint64_t fence)
{
	s->fence = fence;
	snprintf(s->fence_text, sizeof(s->fence_text), "%" PRIu64, fence);
	fw_pg_start(s->pg);
}

bool
fw_store_is_started(const struct fw_store *s)
{
	return s->fence != 0;
}

void
fw_store_refuse_known(struct fw_store *s, bool refuse)
{
	s->refuse_known = refuse;
}

void
fw_store_set_position(struct fw_store *s, uint64_t journal, uint64_t position)
{
	s->journal = journal;
	s->position = position;
}

struct fw_pg *
fw_store_pg(struct fw_store *s)
{
	return s->pg;
}

void
fw_store_add(struct fw_store *s, const struct fw_action *action)
{
	fw_batch_add(s->gathering, action);
}

void
fw_store_set_ledger_mark(struct fw_store *s, int64_t age_us)
{
	s->gathering->ledger_mark_us = fw_monotonic_us() - age_us;
}

void
fw_store_set_checkpoint(struct fw_store *s, uint64_t journal, uint64_t position)
{
	s->gathering->has_checkpoint = true;
	s->gathering->journal = journal;
	s->gathering->position = position;
}

void
fw_store_state(const struct fw_store *s, struct fw_store_state *out)
{
	*out = (struct fw_store_state){
	    .up = fw_pg_is_up(s->pg) && s->phase != OVER,
	    .gathering = s->serial,
	    .committed = s->committed,
	    .gathered_rows = s->gathering->row_count,
	    .under_way_rows = s->sent ? s->sent->row_count : 0,
	    .under_way_us = s->sent ? fw_loop_now_us(s->loop) - s->sent_at_us : 0,
	    .rows = s->rows,
	    .transactions = s->transactions,
	    .retries = s->retries,
	    .known = s->known,
	    .set_aside = s->set_aside,
	    .connects = fw_pg_connects(s->pg),
	    .last_commit_took_us = s->took_us,
	};
	for (int k = 0; k < FW_LANES; k++)
		out->items[k] = s->gathering->items_of[k] + (s->sent ? s->sent->items_of[k] : 0);
	out->gathered_bytes = s->gathering->readings.bytes;
	for (int i = 0; i < FW_SQL_BATCH; i++)
		out->gathered_bytes += s->gathering->columns[i].bytes;
}
