/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of one request; see store_read.h: what people have done, what is to be taken in again,
 * and the partitions. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/pg_columns.h"
#include "io/store_read.h"
#include "io/store_sql.h"

struct reading {
	void (*seen_act)(const struct fw_act *act, void *context);
	void (*seen_message)(const struct fw_message *message, void *context);
	void (*done)(const char *error, void *context);
	void *context;
	char text[2][FW_ID_MAX];
	const char *params[2];
	struct fw_pg_step steps[2];
	struct fw_pg_request request;
};

static void
on_reading_done(const struct fw_pg_error *error, void *context)
{
	struct reading *r = context;

	r->done(error ? error->message : NULL, r->context);
	free(r);
}

static struct reading *
reading_new(void (*done)(const char *error, void *context), void *context)
{
	struct reading *r = fw_calloc(1, sizeof(*r));

	r->done = done;
	r->context = context;
	r->params[0] = r->text[0];
	r->params[1] = r->text[1];
	r->request.steps = r->steps;
	r->request.step_count = 1;
	r->request.done = on_reading_done;
	r->request.dropped = free;
	r->request.context = r;
	return r;
}

static void
on_acts(size_t step, const PGresult *rows, void *context)
{
	struct reading *r = context;

	(void)step;
	for (int i = 0; i < PQntuples(rows); i++)
		r->seen_act(
		    &(struct fw_act){
			.incident_id = fw_get_text(rows, i, 0),
			.acknowledged_trigger = (uint32_t)fw_get_int(rows, i, 1),
			.closed_trigger = (uint32_t)fw_get_int(rows, i, 2),
			.verdict = fw_verdict_of(fw_get_text(rows, i, 3)),
			.closed_at_us = fw_get_time(rows, i, 4),
		    },
		    r->context);
}

void
fw_read_acts(struct fw_pg *pg, const char *incident_id,
    void (*seen)(const struct fw_act *act, void *context),
    void (*done)(const char *error, void *context), void *context)
{
	struct reading *r = reading_new(done, context);

	r->seen_act = seen;
	r->request.rows = on_acts;
	if (incident_id) {
		snprintf(r->text[0], sizeof(r->text[0]), "%s", incident_id);
		r->steps[0] = fw_sql_text_step(FW_SQL_READ_ACT, r->params, 1);
	} else {
		r->steps[0] = fw_sql_text_step(FW_SQL_READ_ACTS, NULL, 0);
	}
	fw_pg_send(pg, &r->request);
}

static void
on_replays(size_t step, const PGresult *rows, void *context)
{
	struct reading *r = context;

	(void)step;
	for (int i = 0; i < PQntuples(rows); i++)
		r->seen_message(
		    &(struct fw_message){
			.replay_id = fw_get_text(rows, i, 0),
			.lane = fw_get_int(rows, i, 1) == FW_LANE_ALARM ? FW_LANE_ALARM
									: FW_LANE_TELEMETRY,
			.position = (uint64_t)fw_get_int(rows, i, 2),
			.received_at_us = fw_get_time(rows, i, 3),
			.topic = fw_get_text(rows, i, 4),
			.topic_len = fw_get_length(rows, i, 4),
			.payload = (const uint8_t *)fw_get_text(rows, i, 5),
			.payload_len = fw_get_length(rows, i, 5),
			.original_len = (uint64_t)fw_get_int(rows, i, 6),
			.replay_index = (int32_t)fw_get_int(rows, i, 7),
		    },
		    r->context);
}

void
fw_read_replays(struct fw_pg *pg, void (*seen)(const struct fw_message *message, void *context),
    void (*done)(const char *error, void *context), void *context)
{
	struct reading *r = reading_new(done, context);

	r->seen_message = seen;
	r->request.rows = on_replays;
	r->steps[0] = fw_sql_text_step(FW_SQL_READ_REPLAYS, NULL, 0);
	fw_pg_send(pg, &r->request);
}

/* Each alone: what cannot be dropped must not undo what was made. */
static void
keep(struct fw_pg *pg, enum fw_sql statement, int days,
    void (*done)(const char *error, void *context), void *context)
{
	struct reading *r = reading_new(done, context);

	snprintf(r->text[0], sizeof(r->text[0]), "%d", days);
	r->steps[0] = fw_sql_text_step(statement, r->params, 1);
	fw_pg_send(pg, &r->request);
}

void
fw_keep_partitions(struct fw_pg *pg, int days_ahead, int keep_days,
    void (*done)(const char *error, void *context), void *context)
{
	keep(pg, FW_SQL_MAKE_PARTITIONS, days_ahead, done, context);
	keep(pg, FW_SQL_DROP_PARTITIONS, keep_days, done, context);
}
