/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon reads from PostgreSQL; see store_read.h.  Each reading is one heap struct that
 * holds its request and goes with its answer.
 */
#include "io/store_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/pg_columns.h"
#include "io/store_sql.h"
#include "io/window_rows.h"

#define DAYS_AHEAD 7

/* ---------------------------------------------------------------- the state of an earlier run */

enum { /* steps, behind BEGIN */
	RECORDS_CHECKPOINTS = 1,
	RECORDS_LEDGER,
	RECORDS_SEEN, /* before what is judged by the division that a device speaks in */
	RECORDS_REPORTS,
	RECORDS_OUTAGES,
	RECORDS_STEP_COUNT
};
enum {
	WORK_WINDOWS = 1,
	WORK_FALSE_ALARMS,
	WORK_INCIDENTS,
	WORK_ALARMS,
	WORK_STEPS,
	WORK_PAGES,
	WORK_WATCHES,
	WORK_OPENED,
	WORK_FLOODS,
	WORK_STEP_COUNT
};

struct state_read {
	struct fw_pg *pg;
	struct fw_core *core;
	int64_t now_us;
	char *instance;
	uint64_t journals[FW_LANES];
	char journal_texts[FW_LANES][24];
	const char *params[1 + FW_LANES]; /* instance, journals */
	const char *days_param[1];
	char days[12];
	struct fw_checkpoint checkpoints[FW_LANES];
	PGresult *held[WORK_STEP_COUNT]; /* so that the core gets all of it or nothing */
	struct fw_pg_step steps[WORK_STEP_COUNT + 1]; /* and no fewer than of records */
	struct fw_pg_request request;
	void (*done)(
	    const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context);
	void *context;
};

static void
state_free(void *context)
{
	struct state_read *r = context;

	for (int i = 0; i < WORK_STEP_COUNT; i++)
		PQclear(r->held[i]);
	free(r->instance);
	free(r);
}

static void
state_end(struct state_read *r, const char *error)
{
	r->done(r->checkpoints, error, r->context);
	state_free(r);
}

/* Sends the first `count` steps. */
static void
state_send(struct state_read *r, size_t count, bool row_by_row,
    void (*rows)(size_t step, const PGresult *rows, void *context),
    void (*done)(const struct fw_pg_error *error, void *context))
{
	r->request = (struct fw_pg_request){
	    .steps = r->steps,
	    .step_count = count,
	    .row_by_row = row_by_row,
	    .rows = rows,
	    .done = done,
	    .dropped = state_free,
	    .context = r,
	};
	fw_pg_send(r->pg, &r->request);
}

static void
load_checkpoint(struct state_read *r, const PGresult *rows, int row)
{
	int64_t lane = fw_get_int(rows, row, 0);

	if (lane < 0 || lane >= FW_LANES || (uint64_t)fw_get_int(rows, row, 1) != r->journals[lane])
		return;
	r->checkpoints[lane] = (struct fw_checkpoint){
	    .found = true,
	    .journal = (uint64_t)fw_get_int(rows, row, 1),
	    .position = (uint64_t)fw_get_int(rows, row, 2),
	};
}

static void
load_boot(struct state_read *r, const PGresult *rows, int row)
{
	int64_t first[FW_GAPS_MAX], last[FW_GAPS_MAX], opened[FW_GAPS_MAX];
	struct fw_gap gaps[FW_GAPS_MAX];
	size_t count = fw_get_ints(rows, row, 4, first, FW_GAPS_MAX);

	if (fw_get_ints(rows, row, 5, last, FW_GAPS_MAX) != count ||
	    fw_get_ints(rows, row, 6, opened, FW_GAPS_MAX) != count)
		count = 0;
	for (size_t i = 0; i < count; i++)
		gaps[i] = (struct fw_gap){.first = (uint64_t)first[i],
		    .last = (uint64_t)last[i],
		    .opened_at_us = opened[i]};
	fw_core_load_boot(r->core, fw_get_text(rows, row, 0), fw_get_text(rows, row, 1),
	    (uint32_t)fw_get_int(rows, row, 2), (uint64_t)fw_get_int(rows, row, 3), gaps, count);
}

static void
load_report(struct state_read *r, const PGresult *rows, int row)
{
	struct fw_seen seen = {
	    .device = fw_get_text(rows, row, 0),
	    .boot_id = (uint32_t)fw_get_int(rows, row, 2),
	    .last_seen_us = fw_get_time(rows, row, 4),
	    .last_observed_us = fw_get_time(rows, row, 5),
	    .mode = (uint32_t)fw_get_int(rows, row, 6),
	    .clock_fault = fw_get_int(rows, row, 7) != 0,
	};

	fw_core_load_report(r->core, seen.device, fw_get_text(rows, row, 1), seen.boot_id,
	    (uint64_t)fw_get_int(rows, row, 3), r->now_us);
	fw_core_load_seen(r->core, &seen);
}

static void
load_seen(struct state_read *r, const PGresult *rows, int row)
{
	fw_core_load_seen(r->core, &(struct fw_seen){
				       .device = fw_get_text(rows, row, 0),
				       .last_seen_us = fw_get_time(rows, row, 1),
				       .last_observed_us = fw_get_time(rows, row, 2),
				       .boot_id = (uint32_t)fw_get_int(rows, row, 3),
				       .mode = (uint32_t)fw_get_int(rows, row, 4),
				       .clock_fault = fw_get_int(rows, row, 5) != 0,
				       .known_us = fw_get_time(rows, row, 6),
				       .topic_division = fw_get_text(rows, row, 7),
				   });
}

static void
on_records(size_t step, const PGresult *rows, void *context)
{
	struct state_read *r = context;

	for (int i = 0; i < PQntuples(rows); i++) {
		if (step == RECORDS_CHECKPOINTS)
			load_checkpoint(r, rows, i);
		else if (step == RECORDS_LEDGER)
			load_boot(r, rows, i);
		else if (step == RECORDS_REPORTS)
			load_report(r, rows, i);
		else if (step == RECORDS_SEEN)
			load_seen(r, rows, i);
		else if (step == RECORDS_OUTAGES)
			fw_core_load_outage(
			    r->core, fw_get_time(rows, i, 0), fw_get_time(rows, i, 1));
	}
}

static char *
incident_key(const char *id, const char *site, const char *device)
{
	char key[FW_DEVICE_MAX + sizeof("device:")];

	if (*site)
		return fw_strdup(site);
	if (!fw_incident_area_key(id, key, sizeof(key)))
		snprintf(key, sizeof(key), "device:%s", device);
	return fw_strdup(key);
}

static void
load_incident(struct state_read *r, const PGresult *rows, int row)
{
	struct fw_incident *i = fw_calloc(1, sizeof(*i));

	i->id = fw_strdup(fw_get_text(rows, row, 0));
	i->division = fw_strdup(fw_get_text(rows, row, 1));
	i->site = fw_strdup(fw_get_text(rows, row, 2));
	i->device = fw_strdup(fw_get_text(rows, row, 3));
	i->key = incident_key(i->id, i->site, i->device);
	i->class = fw_class_of(fw_get_text(rows, row, 4));
	i->opened_at_us = fw_get_time(rows, row, 5);
	i->confirmed_at_us = fw_get_time(rows, row, 6);
	i->closed_at_us = fw_get_time(rows, row, 7);
	i->trigger_count = (uint32_t)fw_get_int(rows, row, 8);
	i->acknowledged_trigger = (uint32_t)fw_get_int(rows, row, 9);
	i->closed_trigger = (uint32_t)fw_get_int(rows, row, 10);
	if (!fw_get_null(rows, row, 17)) {
		i->merged_into = fw_strdup(fw_get_text(rows, row, 17));
		i->closed_trigger = i->trigger_count;
	}
	i->closed = i->closed_trigger >= i->trigger_count;
	i->alarm_count = (uint32_t)fw_get_int(rows, row, 11);
	i->verdict = fw_verdict_of(fw_get_text(rows, row, 12));
	i->level = fw_level_of(fw_get_text(rows, row, 13));
	i->severity = fw_severity_of(fw_get_text(rows, row, 14));
	i->confidence = fw_confidence_of(fw_get_text(rows, row, 15));
	i->delivered_trigger = (uint32_t)fw_get_int(rows, row, 16);
	i->called_at_us = fw_get_time(rows, row, 18);
	fw_core_load_incident(r->core, i);
}

static int
load_alarm(struct state_read *r, const PGresult *rows, int row)
{
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));
	int error;

	a->id = fw_strdup(fw_get_text(rows, row, 0));
	a->point = (uint32_t)fw_get_int(rows, row, 4);
	a->class = fw_class_of(fw_get_text(rows, row, 5));
	a->conditions = (uint64_t)fw_get_int(rows, row, 6);
	a->system_type = (uint32_t)fw_get_int(rows, row, 7);
	a->component_type = (uint32_t)fw_get_int(rows, row, 8);
	a->mode = (uint32_t)fw_get_int(rows, row, 9);
	a->backfill = fw_get_int(rows, row, 10) != 0;
	a->observed_at_us = fw_get_time(rows, row, 11);
	a->received_at_us = fw_get_time(rows, row, 12);
	a->last_seen_us = fw_get_time(rows, row, 13);
	a->report_count = (uint32_t)fw_get_int(rows, row, 14);
	a->raised_boot = (uint32_t)fw_get_int(rows, row, 15);
	a->raised_sequence = (uint64_t)fw_get_int(rows, row, 16);
	a->zone = fw_strdup(fw_get_text(rows, row, 17));
	a->reason = fw_strdup(fw_get_text(rows, row, 18));
	a->text = fw_strdup(fw_get_text(rows, row, 19));
	a->restored_at_us = fw_get_time(rows, row, 20);
	a->severity = fw_severity_of(fw_get_text(rows, row, 21));
	a->level = fw_level_of(fw_get_text(rows, row, 22));
	a->rule = fw_strdup(fw_get_text(rows, row, 23));
	a->data = fw_strdup(fw_get_text(rows, row, 24));
	a->weight = (enum fw_weight)fw_get_int(rows, row, 25);
	a->was_reset = fw_get_int(rows, row, 26) != 0;
	a->restored_boot = (uint32_t)fw_get_int(rows, row, 27);
	a->restored_sequence = (uint64_t)fw_get_int(rows, row, 28);
	error = fw_core_load_alarm(r->core, a, fw_get_text(rows, row, 1), fw_get_text(rows, row, 2),
	    fw_get_text(rows, row, 3));
	if (error)
		fw_alarm_free(a);
	return error;
}

static int
load_step(struct state_read *r, const PGresult *rows, int row)
{
	struct fw_step *s = fw_calloc(1, sizeof(*s));
	const char *state = fw_get_text(rows, row, 5);
	int error;

	s->trigger = (uint32_t)fw_get_int(rows, row, 1);
	s->step = (int)fw_get_int(rows, row, 2);
	s->role = fw_strdup(fw_get_text(rows, row, 3));
	s->channel = fw_strdup(fw_get_text(rows, row, 4));
	s->state = strcmp(state, "queued") == 0 ? FW_STEP_QUEUED
		   : strcmp(state, "done") == 0 ? FW_STEP_DONE
						: FW_STEP_CANCELLED;
	s->force = fw_get_int(rows, row, 6) != 0;
	s->due_at_us = fw_get_time(rows, row, 7);
	s->site_only = fw_get_int(rows, row, 8) != 0;
	error = fw_core_load_step(r->core, s, fw_get_text(rows, row, 0));
	if (error)
		fw_step_free(s);
	return error;
}

static int
load_page(struct state_read *r, const PGresult *rows, int row)
{
	struct fw_page *p = fw_calloc(1, sizeof(*p));
	int error;

	p->id = fw_strdup(fw_get_text(rows, row, 0));
	p->trigger = (uint32_t)fw_get_int(rows, row, 2);
	p->step = (int)fw_get_int(rows, row, 3);
	p->role = fw_strdup(fw_get_text(rows, row, 4));
	p->person = fw_strdup(fw_get_text(rows, row, 5));
	p->person_name = fw_strdup(fw_get_text(rows, row, 6));
	p->channel = fw_strdup(fw_get_text(rows, row, 7));
	p->target = fw_strdup(fw_get_text(rows, row, 8));
	p->force = fw_get_int(rows, row, 9) != 0;
	p->attempts = (uint32_t)fw_get_int(rows, row, 10);
	p->due_at_us = fw_get_time(rows, row, 11);
	p->sent_at_us = fw_get_time(rows, row, 12);
	if (*fw_get_text(rows, row, 13))
		p->error = fw_strdup(fw_get_text(rows, row, 13));
	p->site_only = fw_get_int(rows, row, 14) != 0;
	error = fw_core_load_page(r->core, p, fw_get_text(rows, row, 1));
	if (error)
		fw_page_free(p);
	return error;
}

static void
load_watch(struct state_read *r, const PGresult *rows, int row)
{
	fw_core_load_watch(r->core,
	    &(struct fw_watch_row){
		.device = fw_get_text(rows, row, 0),
		.division = fw_get_text(rows, row, 1),
		.point = (uint32_t)fw_get_int(rows, row, 2),
		.quantity = fw_quantity_of(fw_get_text(rows, row, 3)),
		.class = fw_class_of(fw_get_text(rows, row, 4)),
		.below = fw_get_int(rows, row, 5) != 0,
		.is_change = fw_get_int(rows, row, 6) != 0,
		.name = fw_get_text(rows, row, 7),
		.value = fw_get_double(rows, row, 8),
		.change = fw_get_double(rows, row, 9),
		.boot_id = (uint32_t)fw_get_int(rows, row, 10),
		.sequence = (uint64_t)fw_get_int(rows, row, 11),
		.mode = (uint32_t)fw_get_int(rows, row, 12),
		.backfill = fw_get_int(rows, row, 13) != 0,
		.past = fw_get_int(rows, row, 14) != 0,
		.at_us = fw_get_time(rows, row, 15),
		.observed_at_us = fw_get_time(rows, row, 16),
		.received_at_us = fw_get_time(rows, row, 17),
		.due_at_us = fw_get_time(rows, row, 18),
	    },
	    r->now_us);
}

static int
rows_of(const PGresult *rows)
{
	return rows ? PQntuples(rows) : 0;
}

static void
load_floods(struct state_read *r)
{
	const PGresult *opened = r->held[WORK_OPENED], *floods = r->held[WORK_FLOODS];

	for (int i = 0; i < rows_of(opened); i++)
		fw_core_load_opened(r->core, fw_get_text(opened, i, 0), fw_get_time(opened, i, 1));
	for (int i = 0; i < rows_of(floods); i++)
		fw_core_load_flood(r->core, &(struct fw_flood){
						.division = fw_get_text(floods, i, 0),
						.started_at_us = fw_get_time(floods, i, 1),
						.peak_10min = (uint32_t)fw_get_int(floods, i, 2),
						.alarms = (uint32_t)fw_get_int(floods, i, 3),
					    });
}

static void
load_false_alarm(struct state_read *r, const PGresult *rows, int row)
{
	fw_core_load_false_alarm(r->core, fw_get_text(rows, row, 0), fw_get_text(rows, row, 1),
	    fw_get_text(rows, row, 2), fw_get_time(rows, row, 3));
}

static void
load_work(struct state_read *r)
{
	struct fw_windows *windows = fw_windows_new();
	size_t left_out = 0;

	if (r->held[WORK_WINDOWS])
		fw_window_rows(windows, r->held[WORK_WINDOWS]);
	fw_core_load_windows(r->core, windows);
	for (int i = 0; i < rows_of(r->held[WORK_FALSE_ALARMS]); i++)
		load_false_alarm(r, r->held[WORK_FALSE_ALARMS], i);
	for (int i = 0; i < rows_of(r->held[WORK_INCIDENTS]); i++)
		load_incident(r, r->held[WORK_INCIDENTS], i);
	for (int i = 0; i < rows_of(r->held[WORK_ALARMS]); i++)
		left_out += load_alarm(r, r->held[WORK_ALARMS], i) != FW_OK;
	for (int i = 0; i < rows_of(r->held[WORK_STEPS]); i++)
		left_out += load_step(r, r->held[WORK_STEPS], i) != FW_OK;
	for (int i = 0; i < rows_of(r->held[WORK_PAGES]); i++)
		left_out += load_page(r, r->held[WORK_PAGES], i) != FW_OK;
	for (int i = 0; i < rows_of(r->held[WORK_WATCHES]); i++)
		load_watch(r, r->held[WORK_WATCHES], i);
	load_floods(r);
	if (left_out)
		fw_warning("state: %zu alarms, steps and pages belong to no incident that is open",
		    left_out);
}

static void
on_work(size_t step, const PGresult *rows, void *context)
{
	struct state_read *r = context;

	if (step < WORK_WINDOWS || step >= WORK_STEP_COUNT)
		return;
	r->held[step] = PQcopyResult(rows, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
	if (!r->held[step])
		abort();
}

static void
on_work_done(const struct fw_pg_error *error, void *context)
{
	struct state_read *r = context;

	if (!error)
		load_work(r);
	state_end(r, error ? error->message : NULL);
}

static void
on_records_done(const struct fw_pg_error *error, void *context)
{
	struct state_read *r = context;

	if (error) {
		state_end(r, error->message);
		return;
	}
	r->steps[0] = fw_sql_text_step(FW_SQL_BEGIN_SNAPSHOT, NULL, 0);
	r->steps[WORK_WINDOWS] = fw_sql_text_step(FW_SQL_READ_WINDOWS, NULL, 0);
	r->steps[WORK_FALSE_ALARMS] = fw_sql_text_step(FW_SQL_READ_FALSE_ALARMS, r->params, 1);
	r->steps[WORK_INCIDENTS] = fw_sql_text_step(FW_SQL_READ_INCIDENTS, r->params, 1);
	r->steps[WORK_ALARMS] = fw_sql_text_step(FW_SQL_READ_ALARMS, r->params, 1);
	r->steps[WORK_STEPS] = fw_sql_text_step(FW_SQL_READ_STEPS, r->params, 1);
	r->steps[WORK_PAGES] = fw_sql_text_step(FW_SQL_READ_PAGES, r->params, 1);
	r->steps[WORK_OPENED] = fw_sql_text_step(FW_SQL_READ_OPENED, NULL, 0);
	r->steps[WORK_FLOODS] = fw_sql_text_step(FW_SQL_READ_FLOODS, r->params, 1);
	r->steps[WORK_WATCHES] = fw_sql_text_step(FW_SQL_READ_WATCHES, r->params, 1);
	r->steps[WORK_STEP_COUNT] = fw_sql_text_step(FW_SQL_COMMIT, NULL, 0);
	state_send(r, WORK_STEP_COUNT + 1, false, on_work, on_work_done);
}

/* Without a day's partition rows go to the default one, so this is no reason not to start. */
static void
on_partitions_made(const struct fw_pg_error *error, void *context)
{
	struct state_read *r = context;

	if (error && error->lost) {
		state_end(r, error->message);
		return;
	}
	if (error)
		fw_warning("state: no partitions are made: %s", error->message);
	r->steps[0] = fw_sql_text_step(FW_SQL_BEGIN_SNAPSHOT, NULL, 0);
	r->steps[RECORDS_CHECKPOINTS] =
	    fw_sql_text_step(FW_SQL_READ_CHECKPOINTS, r->params, 1 + FW_LANES);
	r->steps[RECORDS_LEDGER] = fw_sql_text_step(FW_SQL_READ_LEDGER, NULL, 0);
	r->steps[RECORDS_REPORTS] = fw_sql_text_step(FW_SQL_READ_REPORTS, r->params, 1);
	r->steps[RECORDS_SEEN] = fw_sql_text_step(FW_SQL_READ_SEEN, NULL, 0);
	r->steps[RECORDS_OUTAGES] = fw_sql_text_step(FW_SQL_READ_OUTAGES, r->params, 1);
	r->steps[RECORDS_STEP_COUNT] = fw_sql_text_step(FW_SQL_COMMIT, NULL, 0);
	state_send(r, RECORDS_STEP_COUNT + 1, true, on_records, on_records_done);
}

static struct state_read *
state_new(struct fw_pg *pg, const char *instance, const uint64_t journals[FW_LANES],
    void (*done)(
	const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context),
    void *context)
{
	struct state_read *r = fw_calloc(1, sizeof(*r));

	r->pg = pg;
	r->instance = fw_strdup(instance);
	r->params[0] = r->instance;
	for (int i = 0; i < FW_LANES; i++) {
		r->journals[i] = journals[i];
		snprintf(r->journal_texts[i], sizeof(r->journal_texts[i]), "%" PRId64,
		    (int64_t)journals[i]);
		r->params[1 + i] = r->journal_texts[i];
	}
	r->done = done;
	r->context = context;
	return r;
}

void
fw_read_state(struct fw_pg *pg, const char *instance, const uint64_t journals[FW_LANES],
    struct fw_core *core, int64_t now_us,
    void (*done)(
	const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context),
    void *context)
{
	struct state_read *r = state_new(pg, instance, journals, done, context);

	r->core = core;
	r->now_us = now_us;
	snprintf(r->days, sizeof(r->days), "%d", DAYS_AHEAD);
	r->days_param[0] = r->days;
	r->steps[0] = fw_sql_text_step(FW_SQL_MAKE_PARTITIONS, r->days_param, 1);
	state_send(r, 1, false, NULL, on_partitions_made);
}

static void
on_checkpoints(size_t step, const PGresult *rows, void *context)
{
	(void)step;
	for (int i = 0; i < PQntuples(rows); i++)
		load_checkpoint(context, rows, i);
}

static void
on_checkpoints_done(const struct fw_pg_error *error, void *context)
{
	state_end(context, error ? error->message : NULL);
}

void
fw_read_checkpoints(struct fw_pg *pg, const char *instance, const uint64_t journals[FW_LANES],
    void (*done)(
	const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context),
    void *context)
{
	struct state_read *r = state_new(pg, instance, journals, done, context);

	r->steps[0] = fw_sql_text_step(FW_SQL_READ_CHECKPOINTS, r->params, 1 + FW_LANES);
	state_send(r, 1, false, on_checkpoints, on_checkpoints_done);
}
