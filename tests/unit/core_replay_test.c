/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon dies at any point: what was committed is loaded, the journal is read again from the
 * last commit, and in the end there are the same alarms, incidents, hazards and floods, and the
 * same people were called, as if it had never died.  The rows are a model of the tables, written by
 * commits alone.
 */
#include "replay_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "random.h"

#define RUNS 150
#define SAYS 120
#define DEVICES 9
#define LANE "330106109001001" /* a division whose power is cut */

/* A person declares a window before a message, or ends it early. */
struct declared {
	size_t from, ends_before; /* messages; ends_before SAYS: not early */
	struct fw_window window;  /* but for its times */
	int64_t lasts_us;
};

struct script {
	struct say says[SAYS];
	int64_t pauses_us[SAYS];
	bool commits[SAYS]; /* behind it */
	struct declared windows[WINDOWS];
	size_t window_count;
	size_t crashes[8]; /* before these */
	size_t crash_count;
	/* Of each death: how much of the pause it lasts, in tenths; whether time passes while the
	 * journal is read, and whether the core is told that it is. */
	unsigned dead_tenths[SAYS];
	bool ticks[SAYS], heard[SAYS];
};

/* ---------------------------------------------------------------- a script, with deaths or without
 */

static void
add_thresholds(struct fw_town *t)
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
add_limits(struct fw_town *t)
{
	static const struct fw_hazard_limit rows[] = {
	    {FW_CLASS_FAULT, "", "", 20 * SECOND, FW_DAY, false, "head"},
	    {FW_CLASS_FAULT, "smoke_alarm", "", 5 * SECOND, FW_DAY, true, "guardian"},
	    {FW_CLASS_TAMPER, "", "", 60 * SECOND, FW_DAY, false, "head"},
	    {FW_CLASS_POWER, "", "", 30 * SECOND, FW_DAY, false, "head"},
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		fw_rulebook_add_limit(fw_town_rulebook(t), &rows[k]);
}

/* Four houses of a lane, whose power may be cut. */
static void
add_lane(struct fw_town *t)
{
	fw_town_add_division(t, LANE, "330106109001", "巷子", "grid");
	for (int k = 1; k <= 4; k++) {
		char site[24], device[24];

		snprintf(site, sizeof(site), "lane-%d", k);
		snprintf(device, sizeof(device), "meter-%d", k);
		assert_int_equal(
		    fw_town_add_site(t, site, site, LANE, "household", "normal", "", ""), 0);
		fw_town_add_device(t, device, "", site, "hall", "meter", "", 0);
	}
}

static void
rules(struct fw_town *t)
{
	fw_rulebook_add_kind(
	    fw_town_rulebook(t), &(struct fw_kind){.name = "meter", .missed = 3, .mains = true});
	add_thresholds(t);
	add_limits(t);
	add_lane(t);
	fw_town_add_policy(t, FW_CLASS_POWER, "", "", 1, 60 * SECOND, "head", "webhook");
	/* Somebody is always still to be called: whether there is depends on when it is decided. */
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 4, 7 * FW_DAY, "station", "webhook");
}

static void
write_says(struct script *s)
{
	static const double temperatures[] = {-20, -5, 20, 55, 65, 80};
	static const char *const devices[DEVICES] = {"smoke-1", "smoke-2", "smoke-3", "panel",
	    "stranger", "meter-1", "meter-2", "meter-3", "meter-4"};
	static const uint32_t conditions[] = {FW_CONDITION_FIRE, FW_CONDITION_FIRE,
	    FW_CONDITION_MANUAL_CALL, FW_CONDITION_FAULT, FW_CONDITION_RESET,
	    FW_CONDITION_PRE_ALARM, FW_CONDITION_TAMPER, 0};
	uint64_t sequences[DEVICES] = {0};
	size_t d = 0;

	for (size_t k = 0; k < SAYS; k++) {
		bool same = k > 0 && random_below(3) == 0;
		uint32_t condition;

		d = same ? d : random_below(DEVICES);
		condition = d >= 5 ? FW_CONDITION_MAINS_LOST : conditions[random_below(8)];
		s->says[k] = (struct say){
		    .topic_device = devices[d],
		    .sequence = sequences[d] += random_below(10) ? 1 : 2,
		    .condition = same ? s->says[k - 1].condition : condition,
		    .restored = same ? !s->says[k - 1].restored : random_below(3) == 0,
		    .point = d == 3 ? (uint32_t)random_below(3) : 0,
		    .quantity = random_below(2) ? FW_QUANTITY_TEMPERATURE_CELSIUS : 0,
		    .value = temperatures[random_below(6)],
		};
		s->pauses_us[k] = 1 + (int64_t)random_below(40) * SECOND / 10;
		if (random_below(40) == 0)
			s->pauses_us[k] += (int64_t)random_below(700) * SECOND;
		s->commits[k] = random_below(3) == 0;
	}
}

static void
write_windows(struct script *s)
{
	static const char *const places[][3] = {{"home", "", ""}, {"home", "kitchen", ""},
	    {"home", "", "smoke-3"}, {"shop", "", ""}, {"lane-1", "", ""}};

	s->window_count = random_below(6);
	for (size_t k = 0; k < s->window_count; k++) {
		size_t place = random_below(5);

		s->windows[k] = (struct declared){
		    .from = random_below(SAYS),
		    .window = {.division = "330106109001",
			.site = places[place][0],
			.zone = places[place][1],
			.device = places[place][2],
			.maintenance = random_below(2)},
		    .lasts_us = 1 + (int64_t)random_below(120) * SECOND,
		};
		s->windows[k].ends_before =
		    random_below(3) ? SAYS : s->windows[k].from + random_below(20);
	}
}

static void
write_script(struct script *s)
{
	memset(s, 0, sizeof(*s));
	write_says(s);
	write_windows(s);
	s->crash_count = 1 + random_below(8);
	for (size_t k = 0; k < s->crash_count; k++) {
		size_t at = random_below(SAYS);

		s->crashes[k] = at;
		s->dead_tenths[at] = (unsigned)random_below(11);
		s->ticks[at] = random_below(2);
		s->heard[at] = random_below(2);
	}
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

/* One that is declared begins at once, and the core hears of it; so with an end. */
static void
declare(const struct script *s, struct bench *b, struct database *db, size_t k, bool declares)
{
	for (size_t n = 0; n < s->window_count; n++) {
		const struct declared *from = &s->windows[n];
		struct fw_window *w = &db->windows[n];

		if (declares && from->from == k) {
			*w = from->window;
			snprintf(db->window_ids[n], sizeof(db->window_ids[n]), "w%zu", n);
			w->id = db->window_ids[n];
			w->starts_at_us = b->now_us;
			w->ends_at_us = b->now_us + from->lasts_us;
		} else if (!declares && from->ends_before == k && w->ends_at_us > b->now_us &&
			   from->from < k) {
			w->ends_at_us = b->now_us;
		} else {
			continue;
		}
		tables_read_windows(b, db);
	}
}

/* It is down for a part of the pause before message k, then reads what is not committed. */
static void
die(const struct script *s, struct bench *b, struct database *db, const int64_t at_us[SAYS],
    size_t behind, size_t k)
{
	b->now_us += s->dead_tenths[k] * (at_us[k] - b->now_us) / 10;
	tables_start_anew(b, db);
	for (size_t n = behind; n < k; n++) {
		if (s->ticks[k])
			bench_wait(b, 0);
		say_at(b, &s->says[n], at_us[n]);
	}
	if (s->heard[k])
		fw_core_heard(b->core, b->now_us, b->now_us);
}

static void
play(const struct script *s, bool dying, struct database *db)
{
	struct bench *b = bench_new_with(rules);
	int64_t at_us[SAYS], now = NOON;
	size_t behind = 0; /* the first message that is not committed */

	b->seen = tables_see;
	b->context = db;
	db->window_count = s->window_count;
	for (size_t k = 0; k < SAYS; k++)
		at_us[k] = now += s->pauses_us[k];
	for (size_t k = 0; k < SAYS; k++) {
		if (dying && crashes_before(s, k))
			die(s, b, db, at_us, behind, k);
		bench_wait(b, at_us[k] - b->now_us);
		declare(s, b, db, k, false);
		declare(s, b, db, k, true);
		say_at(b, &s->says[k], at_us[k]);
		if (s->commits[k]) {
			tables_commit(b, db);
			behind = k + 1;
		}
	}
	tables_commit(b, db);
	/* Until nothing is pending: all steps, what chatters, floods. */
	for (int k = 0; k < 20; k++) {
		bench_wait(b, 60 * SECOND);
		tables_commit(b, db);
	}
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

/* Of the lane, whose power cuts may be an area's incident.  That is not kept whole: which alarms
 * were counted and stay at their sites, when the last member came, and what was over before it was
 * merged may chatter no more.  So rows may be parted in another way there; what is raised may not
 * differ. */
static bool
depends_on_area(const struct row *row)
{
	return strncmp(row->device, "meter-", 6) == 0 || strncmp(row->incident, "meter-", 6) == 0 ||
	       strncmp(row->incident, "area~", 5) == 0 ||
	       (row->table == FLOOD && strcmp(row->division, LANE) == 0);
}

/* There was a test window at its site. */
static bool
was_tested(const struct database *db, const char *incident)
{
	for (size_t k = 0; k < db->written.count; k++) {
		const struct row *row = &db->written.items[k];

		if (row->table != INCIDENT || strcmp(row->id, incident) != 0)
			continue;
		for (size_t n = 0; n < db->window_count; n++)
			if (db->windows[n].id && strcmp(db->windows[n].site, row->site) == 0)
				return true;
	}
	return false;
}

static const struct row *
find(const struct rows *rows, const struct row *wanted)
{
	for (size_t k = 0; k < rows->count; k++)
		if (is_same(&rows->items[k], wanted))
			return &rows->items[k];
	return NULL;
}

/* A field of two rows, named in words when it differs. */
#define same(x, y, field) is_equal(a, #field, (long long)(x)->field, (long long)(y)->field)

static void
is_equal(const struct row *row, const char *field, long long x, long long y)
{
	if (x != y)
		fail_msg("%s (table %d): %s %lld without deaths, %lld with", row->id,
		    (int)row->table, field, x, y);
}

static void
has_incident(const struct rows *rows, const struct row *alarm)
{
	struct row wanted = {.table = INCIDENT};

	memcpy(wanted.id, alarm->incident, sizeof(wanted.id));
	if (!find(rows, &wanted))
		fail_msg("%s is of no incident", alarm->id);
}

static void
compare_alarm(const struct row *a, const struct row *b)
{
	const struct fw_alarm *x = &a->u.alarm, *y = &b->u.alarm;

	assert_string_equal(a->incident, b->incident);
	same(x, y, class);
	same(x, y, conditions);
	same(x, y, received_at_us);
	same(x, y, restored_at_us);
	same(x, y, report_count);
}

static bool
is_raised(const struct rows *rows, const struct row *like)
{
	for (size_t k = 0; k < rows->count; k++) {
		const struct row *row = &rows->items[k];

		if (row->table == ALARM && !row->u.alarm.restored_at_us &&
		    row->u.alarm.class == like->u.alarm.class &&
		    row->u.alarm.point == like->u.alarm.point &&
		    strcmp(row->device, like->device) == 0)
			return true;
	}
	return false;
}

static void
compare_raised(const struct rows *plain, const struct rows *died)
{
	for (size_t k = 0; k < plain->count; k++)
		if (plain->items[k].table == ALARM &&
		    is_raised(plain, &plain->items[k]) != is_raised(died, &plain->items[k]))
			fail_msg("%s: raised in one of the two", plain->items[k].id);
}

/* Beside a test it is not kept whom alarms that are over have called, so that a trigger may be one
 * more or less; whom pages reach is compared all the same. */
static void
compare_incident(const struct row *a, const struct row *b, bool tested)
{
	const struct fw_incident *x = &a->u.incident, *y = &b->u.incident;

	same(x, y, class);
	same(x, y, alarm_count);
	if (!tested)
		same(x, y, trigger_count);
	same(x, y, confirmed_at_us);
	same(x, y, confidence);
}

static void
compare_hazard(const struct row *a, const struct row *b)
{
	const struct fw_hazard *x = &a->u.hazard, *y = &b->u.hazard;

	assert_string_equal(a->incident, b->incident); /* the alarm */
	assert_string_equal(a->site, b->site);
	assert_string_equal(a->person, b->person);
	same(x, y, major);
	same(x, y, found_at_us);
	same(x, y, deadline_at_us);
}

static void
compare_flood(const struct row *a, const struct row *b)
{
	const struct fw_flood *x = &a->u.flood, *y = &b->u.flood;

	same(x, y, ended_at_us);
	same(x, y, alarms);
	same(x, y, peak_10min);
}

static void
compare_watch(const struct row *a, const struct row *b)
{
	assert_string_equal(a->state, b->state);
	assert_string_equal(a->report, b->report);
}

static void
compare_row(const struct database *plain, const struct row *a, const struct row *b)
{
	if (a->table == ALARM)
		compare_alarm(a, b);
	else if (a->table == INCIDENT)
		compare_incident(a, b, was_tested(plain, a->id));
	else if (a->table == WATCH)
		compare_watch(a, b);
	else if (a->table == HAZARD)
		compare_hazard(a, b);
	else if (a->table == FLOOD)
		compare_flood(a, b);
}

static bool
may_be_there(const struct database *plain, const struct row *row)
{
	return depends_on_time(row) || depends_on_area(row) ||
	       (row->table == PAGE && was_tested(plain, row->incident));
}

static void
compare(const struct database *without, const struct database *with)
{
	const struct rows *plain = &without->written, *died = &with->written;

	for (size_t k = 0; k < died->count; k++)
		if (!find(plain, &died->items[k]) && !may_be_there(without, &died->items[k]))
			fail_msg("%s (table %d) is there only with deaths", died->items[k].id,
			    (int)died->items[k].table);
	compare_raised(plain, died);
	for (size_t k = 0; k < died->count; k++)
		if (died->items[k].table == ALARM)
			has_incident(died, &died->items[k]);
	for (size_t k = 0; k < plain->count; k++) {
		const struct row *row = &plain->items[k], *other = find(died, row);

		if (!other && !depends_on_time(row) && !depends_on_area(row))
			fail_msg("%s (table %d) is missing", row->id, (int)row->table);
		if (other && !depends_on_area(row))
			compare_row(without, row, other);
	}
}

static void
a_death_at_any_point_changes_no_row(void **state)
{
	struct database *plain = fw_calloc(1, sizeof(*plain)), *died = fw_calloc(1, sizeof(*died));
	struct script *script = fw_calloc(1, sizeof(*script));
	size_t seen[TABLES] = {0};

	(void)state;
	random_begin("core_replay_test");
	for (int run = 0; run < RUNS; run++) {
		memset(plain, 0, sizeof(*plain));
		memset(died, 0, sizeof(*died));
		write_script(script);
		play(script, false, plain);
		play(script, true, died);
		for (int table = 0; table < TABLES; table++)
			seen[table] += tables_count(&plain->written, table);
		compare(plain, died);
	}
	for (int table = 0; table < TABLES; table++)
		if (seen[table] == 0)
			fail_msg("no row of table %d", table);
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
