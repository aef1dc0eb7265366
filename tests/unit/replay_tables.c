/* SPDX-License-Identifier: Apache-2.0 */
/* See replay_tables.h. */
#include "replay_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---------------------------------------------------------------- rows */

static void
put(struct rows *rows, const struct row *row)
{
	size_t at = 0;

	while (at < rows->count &&
	       (rows->items[at].table != row->table || strcmp(rows->items[at].id, row->id) != 0))
		at++;
	assert_true(at < ROWS);
	if (row->table == HAZARD && at < rows->count &&
	    rows->items[at].u.hazard.found_at_us >= row->u.hazard.found_at_us)
		return; /* as raise_hazards does: it is known */
	rows->items[at] = *row;
	rows->count += at == rows->count;
}

#define COPY(to, text) snprintf((to), sizeof(to), "%s", (text))

static void
keep_alarm(struct row *row, const struct fw_alarm *a)
{
	row->table = ALARM;
	COPY(row->id, a->id);
	COPY(row->incident, a->incident->id);
	COPY(row->device, a->device->id);
	COPY(row->division, fw_device_division(a->device));
	COPY(row->zone, a->zone);
	COPY(row->data, a->data);
	row->u.alarm = *a;
}

static void
keep_incident(struct row *row, const struct fw_incident *i)
{
	row->table = INCIDENT;
	COPY(row->id, i->id);
	COPY(row->device, i->device);
	COPY(row->division, i->division);
	COPY(row->site, i->site);
	COPY(row->key, i->key);
	COPY(row->merged_into, i->merged_into ? i->merged_into : "");
	row->u.incident = *i;
}

static void
keep_step(struct row *row, const struct fw_step *s)
{
	row->table = STEP;
	snprintf(
	    row->id, sizeof(row->id), "%s~%u~%d~%s", s->incident->id, s->trigger, s->step, s->role);
	COPY(row->incident, s->incident->id);
	COPY(row->role, s->role);
	COPY(row->channel, s->channel);
	row->u.step = *s;
}

static void
keep_page(struct row *row, const struct fw_page *p)
{
	row->table = PAGE;
	COPY(row->id, p->id);
	COPY(row->incident, p->incident->id);
	COPY(row->role, p->role);
	COPY(row->channel, p->channel);
	COPY(row->person, p->person);
	COPY(row->target, p->target);
	row->u.page = *p;
}

static void
keep_watch(struct row *row, const struct fw_watch_row *w)
{
	row->table = WATCH;
	snprintf(row->id, sizeof(row->id), "%s~%u~%d~%s", w->device, w->point, w->quantity,
	    fw_class_name(w->class));
	COPY(row->device, w->device);
	COPY(row->division, w->division);
	COPY(row->state, w->state);
	COPY(row->report, w->name);
	row->u.watch = *w;
}

static void
keep_hazard(struct row *row, const struct fw_hazard *h)
{
	row->table = HAZARD;
	COPY(row->id, h->id);
	COPY(row->incident, h->alarm);
	COPY(row->device, h->device);
	COPY(row->division, h->division);
	COPY(row->site, h->site);
	COPY(row->person, h->person);
	row->u.hazard = *h;
}

static void
keep_flood(struct row *row, const struct fw_flood *f)
{
	row->table = FLOOD;
	snprintf(row->id, sizeof(row->id), "%s~%lld", f->division, (long long)f->started_at_us);
	COPY(row->division, f->division);
	row->u.flood = *f;
}

static void
keep_report(struct row *row, const struct fw_report *r)
{
	row->table = REPORT;
	COPY(row->device, r->device->id);
	COPY(row->division, fw_device_division(r->device));
	row->boot = r->boot_id;
	row->sequence = r->sequence;
	snprintf(row->id, sizeof(row->id), "%s~%u~%llu", row->device, row->boot,
	    (unsigned long long)row->sequence);
}

static void
keep_window(struct row *row, const struct fw_window *w)
{
	row->table = WINDOW;
	COPY(row->id, w->id);
}

/* False: it writes none of these tables. */
static bool
keep(struct row *row, const struct fw_action *a)
{
	if (a->type == FW_ACT_REPORT)
		keep_report(row, a->u.report);
	else if (a->type == FW_ACT_ALARM)
		keep_alarm(row, a->u.alarm);
	else if (a->type == FW_ACT_INCIDENT)
		keep_incident(row, a->u.incident);
	else if (a->type == FW_ACT_STEP)
		keep_step(row, a->u.step);
	else if (a->type == FW_ACT_PAGE || a->type == FW_ACT_CLAIM || a->type == FW_ACT_RESULT)
		keep_page(row, a->u.page);
	else if (a->type == FW_ACT_WATCH)
		keep_watch(row, a->u.watch);
	else if (a->type == FW_ACT_HAZARD)
		keep_hazard(row, a->u.hazard);
	else if (a->type == FW_ACT_FLOOD)
		keep_flood(row, a->u.flood);
	else if (a->type == FW_ACT_WINDOW)
		keep_window(row, a->u.window.window);
	else
		return false;
	return true;
}

void
tables_see(const struct fw_action *action, void *database)
{
	struct database *db = database;
	struct row row = {0};

	if (keep(&row, action))
		put(&db->gathered, &row);
}

void
tables_commit(struct bench *b, struct database *db)
{
	bench_flush(b);
	for (size_t k = 0; k < db->gathered.count; k++)
		put(&db->written, &db->gathered.items[k]);
	db->gathered.count = 0;
	bench_commit(b);
	bench_sent(b, NULL);
}

/* ---------------------------------------------------------------- a new start */

static int64_t
newest_alarm_us(const struct rows *rows)
{
	int64_t newest_us = 0;

	for (size_t k = 0; k < rows->count; k++)
		if (rows->items[k].table == ALARM &&
		    rows->items[k].u.alarm.received_at_us > newest_us)
			newest_us = rows->items[k].u.alarm.received_at_us;
	return newest_us;
}

static const struct row *
incident_of(const struct rows *rows, const struct row *of)
{
	for (size_t k = 0; k < rows->count; k++)
		if (rows->items[k].table == INCIDENT &&
		    strcmp(rows->items[k].id, of->incident) == 0)
			return &rows->items[k];
	fail_msg("%s is of no incident", of->id);
	return NULL;
}

/* One that is restored is read while it may confirm, or chatter. */
static bool
is_read(const struct bench *b, const struct rows *rows, const struct row *row)
{
	const struct fw_alarm *a = &row->u.alarm;

	if (!a->restored_at_us)
		return true;
	if (*incident_of(rows, row)->merged_into)
		return false;
	return a->received_at_us > newest_alarm_us(rows) - 120 * SECOND ||
	       (a->class == FW_CLASS_FIRE && a->restored_at_us > b->now_us - 3600 * SECOND);
}

static void
load_alarm(struct bench *b, const struct rows *rows, const struct row *row)
{
	const struct fw_alarm *from = &row->u.alarm;
	struct fw_alarm *a;

	if (!is_read(b, rows, row))
		return;
	a = fw_calloc(1, sizeof(*a));
	a->id = fw_strdup(row->id);
	a->point = from->point;
	a->class = from->class;
	a->conditions = from->conditions;
	a->mode = from->mode;
	a->backfill = from->backfill;
	a->observed_at_us = from->observed_at_us;
	a->received_at_us = from->received_at_us;
	a->last_seen_us = from->last_seen_us;
	a->report_count = from->report_count;
	a->raised_boot = from->raised_boot;
	a->raised_sequence = from->raised_sequence;
	a->restored_at_us = from->restored_at_us;
	a->severity = from->severity;
	a->level = from->level;
	a->weight = from->weight;
	a->was_reset = from->was_reset;
	a->restored_boot = from->restored_boot;
	a->restored_sequence = from->restored_sequence;
	a->zone = fw_strdup(row->zone);
	a->reason = fw_strdup("");
	a->rule = fw_strdup("");
	a->data = fw_strdup(row->data);
	a->text = fw_strdup("");
	assert_int_equal(
	    fw_core_load_alarm(b->core, a, row->device, row->division, row->incident), FW_OK);
}

/* The last one that a page was delivered for. */
static uint32_t
delivered_trigger(const struct rows *rows, const char *incident)
{
	uint32_t last = 0;

	for (size_t k = 0; k < rows->count; k++) {
		const struct row *row = &rows->items[k];

		if (row->table == PAGE && row->u.page.state == FW_PAGE_DELIVERED &&
		    row->u.page.trigger > last && strcmp(row->incident, incident) == 0)
			last = row->u.page.trigger;
	}
	return last;
}

static void
load_incident(struct bench *b, const struct rows *rows, const struct row *row)
{
	struct fw_incident *i = fw_calloc(1, sizeof(*i));
	const struct fw_incident *from = &row->u.incident;

	i->id = fw_strdup(row->id);
	i->key = fw_strdup(row->key);
	i->division = fw_strdup(row->division);
	i->site = fw_strdup(row->site);
	i->device = fw_strdup(row->device);
	i->class = from->class;
	i->severity = from->severity;
	i->confidence = from->confidence;
	i->level = from->level;
	i->opened_at_us = from->opened_at_us;
	i->confirmed_at_us = from->confirmed_at_us;
	i->called_at_us = from->called_at_us;
	i->trigger_count = from->trigger_count;
	i->alarm_count = from->alarm_count;
	i->delivered_trigger = delivered_trigger(rows, row->id);
	if (*row->merged_into) {
		i->merged_into = fw_strdup(row->merged_into);
		i->closed_at_us = from->closed_at_us;
		i->closed_trigger = i->trigger_count;
		i->closed = true;
	}
	fw_core_load_incident(b->core, i);
}

static void
load_step(struct bench *b, const struct rows *rows, const struct row *row)
{
	const struct row *incident = incident_of(rows, row);
	const struct fw_step *from = &row->u.step;
	struct fw_step *s;

	if (*incident->merged_into || (from->state != FW_STEP_QUEUED && !from->site_only &&
					  from->trigger != incident->u.incident.trigger_count))
		return;
	s = fw_calloc(1, sizeof(*s));
	s->trigger = from->trigger;
	s->step = from->step;
	s->role = fw_strdup(row->role);
	s->channel = fw_strdup(row->channel);
	s->state = from->state;
	s->force = from->force;
	s->site_only = from->site_only;
	s->due_at_us = from->due_at_us;
	assert_int_equal(fw_core_load_step(b->core, s, row->incident), FW_OK);
}

static void
load_page(struct bench *b, const struct row *row)
{
	struct fw_page *p;
	const struct fw_page *from = &row->u.page;

	if (fw_page_is_over(from))
		return;
	p = fw_calloc(1, sizeof(*p));
	p->id = fw_strdup(row->id);
	p->trigger = from->trigger;
	p->step = from->step;
	p->role = fw_strdup(row->role);
	p->person = fw_strdup(row->person);
	p->person_name = fw_strdup(row->person);
	p->channel = fw_strdup(row->channel);
	p->target = fw_strdup(row->target);
	p->force = from->force;
	p->attempts = from->attempts;
	p->due_at_us = from->due_at_us;
	p->sent_at_us = from->sent_at_us;
	assert_int_equal(fw_core_load_page(b->core, p, row->incident), FW_OK);
}

static void
load_watch(struct bench *b, const struct row *row)
{
	struct fw_watch_row w = row->u.watch;

	if (strcmp(row->state, "pending") != 0)
		return;
	w.device = row->device;
	w.division = row->division;
	w.name = row->report;
	fw_core_load_watch(b->core, &w, b->now_us);
}

static void
load_flood(struct bench *b, const struct row *row)
{
	struct fw_flood flood = row->u.flood;

	flood.division = row->division;
	if (!flood.ended_at_us)
		fw_core_load_flood(b->core, &flood);
}

static void
load_opened(struct bench *b, const struct rows *rows, const struct row *row)
{
	if (row->u.alarm.received_at_us >= newest_alarm_us(rows) - 600 * SECOND)
		fw_core_load_opened(b->core, row->division, row->u.alarm.received_at_us);
}

static void
load(struct bench *b, const struct rows *rows, const struct row *row)
{
	switch (row->table) {
	case REPORT:
		fw_core_load_report(
		    b->core, row->device, row->division, row->boot, row->sequence, b->now_us);
		break;
	case ALARM:
		load_alarm(b, rows, row);
		load_opened(b, rows, row);
		break;
	case INCIDENT:
		load_incident(b, rows, row);
		break;
	case STEP:
		load_step(b, rows, row);
		break;
	case PAGE:
		load_page(b, row);
		break;
	case WATCH:
		load_watch(b, row);
		break;
	case FLOOD:
		load_flood(b, row);
		break;
	case HAZARD: /* the core finds it again */
	case WINDOW:
	case TABLES:
		break;
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;
	int64_t x_us = (*x)->u.alarm.received_at_us, y_us = (*y)->u.alarm.received_at_us;

	return x_us != y_us ? (x_us > y_us) - (x_us < y_us) : strcmp((*x)->id, (*y)->id);
}

/* As an index gives them: alarms by time, the others as they came. */
static size_t
select_rows(const struct rows *rows, enum table table, const struct row *out[ROWS])
{
	size_t count = 0;

	for (size_t k = 0; k < rows->count; k++)
		if (rows->items[k].table == table)
			out[count++] = &rows->items[k];
	if (table == ALARM)
		qsort(out, count, sizeof(*out), by_time);
	return count;
}

static bool
is_announced(const struct database *db, const char *window)
{
	for (size_t k = 0; k < db->written.count; k++)
		if (db->written.items[k].table == WINDOW &&
		    strcmp(db->written.items[k].id, window) == 0)
			return true;
	return false;
}

static size_t
select_windows(const struct database *db, struct fw_window out[WINDOWS])
{
	size_t count = 0;

	for (size_t k = 0; k < db->window_count; k++)
		if (db->windows[k].id) {
			out[count] = db->windows[k];
			out[count++].over = is_announced(db, db->windows[k].id);
		}
	return count;
}

void
tables_read_windows(struct bench *b, const struct database *db)
{
	struct fw_window rows[WINDOWS];
	size_t count = select_windows(db, rows);

	bench_windows(b, rows, count);
}

static void
load_windows(struct bench *b, const struct database *db)
{
	struct fw_windows *all = fw_windows_new();
	struct fw_window rows[WINDOWS];
	size_t count = select_windows(db, rows);

	for (size_t k = 0; k < count; k++)
		fw_windows_add(all, &rows[k]);
	fw_core_load_windows(b->core, all);
}

void
tables_start_anew(struct bench *b, struct database *db)
{
	static const enum table order[] = {REPORT, INCIDENT, ALARM, STEP, PAGE, WATCH, FLOOD};
	const struct row *rows[ROWS];
	size_t count;

	db->gathered.count = 0;
	bench_restart(b);
	load_windows(b, db);
	for (size_t t = 0; t < sizeof(order) / sizeof(order[0]); t++) {
		count = select_rows(&db->written, order[t], rows);
		for (size_t k = 0; k < count; k++)
			load(b, &db->written, rows[k]);
	}
	fw_core_loaded(b->core, b->now_us);
	tables_read_windows(b, db);
}

size_t
tables_count(const struct rows *rows, enum table table)
{
	size_t n = 0;

	for (size_t k = 0; k < rows->count; k++)
		n += rows->items[k].table == table;
	return n;
}
