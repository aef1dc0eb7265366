/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon dies at any point: what was committed is loaded, the journal is read again from the
 * last commit, and in the end there are the same alarms and incidents, and the same people were
 * called, as if it had never died.  The rows are a model of the tables, written by commits alone.
 */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "random.h"

#define RUNS 150
#define SAYS 120
#define ROWS 1024

enum table { REPORT, ALARM, INCIDENT, STEP, PAGE, WATCH, TABLES };

struct row {
	enum table table;
	char id[FW_ID_MAX];
	char incident[FW_ID_MAX], device[72], division[16];
	union {
		struct fw_alarm alarm; /* texts are not of the row: what is compared and loaded
					  needs none but the zone */
		struct fw_incident incident;
		struct fw_step step;
		struct fw_page page;
		struct fw_watch_row watch;
	} u;
	char data[160], zone[32], key[96], site[32], role[32], channel[32], person[64], target[64],
	    state[16], report[FW_ID_MAX];
	uint32_t boot;
	uint64_t sequence;
};

struct rows {
	struct row items[ROWS];
	size_t count;
};

struct database {
	struct rows written, gathered;
};

struct script {
	struct say says[SAYS];
	int64_t pauses_us[SAYS];
	bool commits[SAYS]; /* behind it */
	size_t crashes[8];  /* before these */
	size_t crash_count;
};

/* ---------------------------------------------------------------- rows */

static void
put(struct rows *rows, const struct row *row)
{
	size_t at = 0;

	while (at < rows->count &&
	       (rows->items[at].table != row->table || strcmp(rows->items[at].id, row->id) != 0))
		at++;
	assert_true(at < ROWS);
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
seen(const struct fw_action *a, void *context)
{
	struct database *db = context;
	struct row row = {0};

	if (a->type == FW_ACT_REPORT) {
		const struct fw_report *r = a->u.report;

		row.table = REPORT;
		COPY(row.device, r->device->id);
		COPY(row.division, fw_device_division(r->device));
		row.boot = r->boot_id;
		row.sequence = r->sequence;
		snprintf(row.id, sizeof(row.id), "%s~%u~%llu", row.device, row.boot,
		    (unsigned long long)row.sequence);
	} else if (a->type == FW_ACT_ALARM) {
		keep_alarm(&row, a->u.alarm);
	} else if (a->type == FW_ACT_INCIDENT) {
		keep_incident(&row, a->u.incident);
	} else if (a->type == FW_ACT_STEP) {
		keep_step(&row, a->u.step);
	} else if (a->type == FW_ACT_PAGE || a->type == FW_ACT_CLAIM || a->type == FW_ACT_RESULT) {
		keep_page(&row, a->u.page);
	} else if (a->type == FW_ACT_WATCH) {
		keep_watch(&row, a->u.watch);
	} else {
		return;
	}
	put(&db->gathered, &row);
}

static void
commit(struct bench *b, struct database *db)
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

static void
load_alarm(struct bench *b, const struct rows *rows, const struct row *row)
{
	int64_t newest_us = newest_alarm_us(rows);
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));
	const struct fw_alarm *from = &row->u.alarm;

	if (from->restored_at_us && from->received_at_us < newest_us - 120 * SECOND &&
	    (from->class != FW_CLASS_FIRE || from->restored_at_us < b->now_us - 3600 * SECOND)) {
		free(a);
		return;
	}
	*a = *from;
	a->id = fw_strdup(row->id);
	a->zone = fw_strdup(row->zone);
	a->reason = fw_strdup("");
	a->rule = fw_strdup("");
	a->data = fw_strdup(row->data);
	a->text = fw_strdup("");
	a->dirty = false;
	a->holds = NULL;
	a->hold_count = a->hold_cap = 0;
	a->device_next = a->incident_next = a->next_dirty = NULL;
	a->device_at = a->incident_at = NULL;
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
	i->trigger_count = from->trigger_count;
	i->alarm_count = from->alarm_count;
	i->delivered_trigger = delivered_trigger(rows, row->id);
	fw_core_load_incident(b->core, i);
}

static void
load_step(struct bench *b, const struct row *row)
{
	struct fw_step *s = fw_calloc(1, sizeof(*s));
	const struct fw_step *from = &row->u.step;

	s->trigger = from->trigger;
	s->step = from->step;
	s->role = fw_strdup(row->role);
	s->channel = fw_strdup(row->channel);
	s->state = from->state;
	s->force = from->force;
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
load(struct bench *b, const struct rows *rows, const struct row *row)
{
	switch (row->table) {
	case REPORT:
		fw_core_load_report(
		    b->core, row->device, row->division, row->boot, row->sequence, b->now_us);
		break;
	case ALARM:
		load_alarm(b, rows, row);
		break;
	case INCIDENT:
		load_incident(b, rows, row);
		break;
	case STEP:
		load_step(b, row);
		break;
	case PAGE:
		load_page(b, row);
		break;
	case WATCH:
		load_watch(b, row);
		break;
	case TABLES:
		break;
	}
}

static void
start_anew(struct bench *b, struct database *db)
{
	static const enum table order[] = {REPORT, INCIDENT, ALARM, STEP, PAGE, WATCH};

	db->gathered.count = 0;
	bench_restart(b);
	for (size_t t = 0; t < sizeof(order) / sizeof(order[0]); t++)
		for (size_t k = 0; k < db->written.count; k++)
			if (db->written.items[k].table == order[t])
				load(b, &db->written, &db->written.items[k]);
}

/* ---------------------------------------------------------------- a script, with deaths or without
 */

static void
rules(struct fw_town *t)
{
	static const struct fw_threshold rows[] = {
	    {.quantity = FW_QUANTITY_TEMPERATURE_CELSIUS,
		.class = FW_CLASS_FIRE,
		.raise = 70,
		.clear = 60,
		.delay_us = 3 * SECOND},
	    {.quantity = FW_QUANTITY_TEMPERATURE_CELSIUS,
		.class = FW_CLASS_PRE_ALARM,
		.raise = 60,
		.clear = 50},
	    {.quantity = FW_QUANTITY_TEMPERATURE_CELSIUS,
		.class = FW_CLASS_FAULT,
		.below = true,
		.raise = -10,
		.clear = 0,
		.delay_us = 8 * SECOND},
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct fw_threshold row = rows[k];

		row.who = (struct fw_selector){"", "", "", "", "", false};
		row.reason = "";
		fw_rulebook_add_threshold(fw_town_rulebook(t), &row);
	}
}

static void
write_script(struct script *s)
{
	static const double temperatures[] = {-20, -5, 20, 55, 65, 80};

	static const char *const devices[] = {"smoke-1", "smoke-2", "smoke-3", "panel", "stranger"};
	static const uint32_t conditions[] = {FW_CONDITION_FIRE, FW_CONDITION_FIRE,
	    FW_CONDITION_MANUAL_CALL, FW_CONDITION_FAULT, FW_CONDITION_RESET,
	    FW_CONDITION_PRE_ALARM, 0};
	uint64_t sequences[5] = {0};

	for (size_t k = 0; k < SAYS; k++) {
		size_t d = random_below(5);

		s->says[k] = (struct say){
		    .topic_device = devices[d],
		    .sequence = sequences[d] += random_below(10) ? 1 : 2,
		    .condition =
			conditions[random_below(sizeof(conditions) / sizeof(conditions[0]))],
		    .restored = random_below(3) == 0,
		    .point = d == 3 ? (uint32_t)random_below(3) : 0,
		    .quantity = random_below(2) ? FW_QUANTITY_TEMPERATURE_CELSIUS : 0,
		    .value = temperatures[random_below(6)],
		};
		s->pauses_us[k] = (int64_t)random_below(40) * SECOND / 10;
		s->commits[k] = random_below(3) == 0;
	}
	s->crash_count = 1 + random_below(8);
	for (size_t k = 0; k < s->crash_count; k++)
		s->crashes[k] = random_below(SAYS);
}

static bool
crashes_before(const struct script *s, size_t k)
{
	for (size_t n = 0; n < s->crash_count; n++)
		if (s->crashes[n] == k)
			return true;
	return false;
}

/* Messages keep the time they were received at, as the journal does. */
static void
say_at(struct bench *b, const struct say *say, int64_t received_at_us)
{
	b->received_us = received_at_us;
	bench_say(b, *say);
	b->received_us = 0;
}

static void
play(const struct script *s, bool dying, struct database *db)
{
	struct bench *b = bench_new_with(rules);
	int64_t at_us[SAYS], now = NOON;
	size_t behind = 0; /* the first message that is not committed */
	bool died[SAYS] = {0};

	b->seen = seen;
	b->context = db;
	for (size_t k = 0; k < SAYS; k++)
		at_us[k] = now += s->pauses_us[k];
	for (size_t k = 0; k < SAYS; k++) {
		if (dying && crashes_before(s, k) && !died[k]) {
			died[k] = true;
			start_anew(b, db);
			for (size_t n = behind; n < k; n++)
				say_at(b, &s->says[n], at_us[n]);
		}
		if (at_us[k] > b->now_us)
			bench_wait(b, at_us[k] - b->now_us);
		say_at(b, &s->says[k], at_us[k]);
		if (s->commits[k]) {
			commit(b, db);
			behind = k + 1;
		}
	}
	commit(b, db);
	bench_wait(b, 30 * SECOND);
	commit(b, db);
	bench_free(b);
}

/* For which trigger and step somebody is paged depends on when it is decided, and so does who is
 * paged because nobody was reached (step 0). */
static bool
is_same(const struct row *a, const struct row *b)
{
	if (a->table != b->table)
		return false;
	if (a->table == PAGE)
		return strcmp(a->incident, b->incident) == 0 && strcmp(a->person, b->person) == 0;
	return strcmp(a->id, b->id) == 0;
}

static bool
depends_on_time(const struct row *row)
{
	return row->table == STEP || (row->table == PAGE && row->u.page.step == 0);
}

static const struct row *
find(const struct rows *rows, const struct row *wanted)
{
	for (size_t k = 0; k < rows->count; k++)
		if (is_same(&rows->items[k], wanted))
			return &rows->items[k];
	return NULL;
}

static void
compare_alarm(const struct row *a, const struct row *b)
{
	const struct fw_alarm *x = &a->u.alarm, *y = &b->u.alarm;

	assert_string_equal(a->incident, b->incident);
	assert_int_equal(x->class, y->class);
	assert_int_equal(x->conditions, y->conditions);
	assert_int_equal(x->received_at_us, y->received_at_us);
	assert_int_equal(x->restored_at_us, y->restored_at_us);
	assert_int_equal(x->report_count, y->report_count);
}

static void
compare_incident(const struct row *a, const struct row *b)
{
	const struct fw_incident *x = &a->u.incident, *y = &b->u.incident;

	assert_int_equal(x->class, y->class);
	assert_int_equal(x->alarm_count, y->alarm_count);
	assert_int_equal(x->trigger_count, y->trigger_count);
	assert_int_equal(x->confirmed_at_us, y->confirmed_at_us);
	assert_int_equal(x->confidence, y->confidence);
}

static size_t
count_of(const struct rows *rows, enum table table)
{
	size_t n = 0;

	for (size_t k = 0; k < rows->count; k++)
		n += rows->items[k].table == table;
	return n;
}

static void
compare(const struct rows *plain, const struct rows *died)
{
	for (size_t k = 0; k < died->count; k++)
		if (!find(plain, &died->items[k]) && !depends_on_time(&died->items[k]))
			fail_msg("%s (table %d) is there only with deaths", died->items[k].id,
			    (int)died->items[k].table);
	for (size_t k = 0; k < plain->count; k++) {
		const struct row *row = &plain->items[k], *other = find(died, row);

		if (!other && !depends_on_time(row))
			fail_msg("%s (table %d) is missing", row->id, (int)row->table);
		if (row->table == ALARM)
			compare_alarm(row, other);
		else if (row->table == INCIDENT)
			compare_incident(row, other);
		else if (row->table == WATCH) {
			assert_string_equal(row->state, other->state);
			assert_string_equal(row->report, other->report);
		}
	}
}

static void
a_death_at_any_point_changes_no_row(void **state)
{
	struct database *plain = fw_calloc(1, sizeof(*plain)), *died = fw_calloc(1, sizeof(*died));
	struct script *script = fw_calloc(1, sizeof(*script));

	(void)state;
	random_begin("core_replay_test");
	for (int run = 0; run < RUNS; run++) {
		memset(plain, 0, sizeof(*plain));
		memset(died, 0, sizeof(*died));
		write_script(script);
		play(script, false, plain);
		play(script, true, died);
		assert_true(count_of(&plain->written, PAGE) > 0);
		assert_true(count_of(&plain->written, WATCH) > 0);
		compare(&plain->written, &died->written);
	}
	free(plain);
	free(died);
	free(script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_death_at_any_point_changes_no_row)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
