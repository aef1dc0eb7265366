/* SPDX-License-Identifier: Apache-2.0 */
/* Many of one division: when they are one incident, and what is never part of it. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

#define LARGE 40 /* mains devices of the large grid: its share is more than rules.area_devices */
#define SMALL 5
#define TINY 2
#define SUPERVISED 6

static void
add_grid(struct fw_town *t, const char *code, const char *name, unsigned devices)
{
	fw_town_add_division(t, code, "330106109001", name, "grid");
	for (unsigned k = 1; k <= devices; k++) {
		char site[32], device[32];

		snprintf(site, sizeof(site), "%s-house-%u", name, k);
		snprintf(device, sizeof(device), "%s-%u", name, k);
		assert_int_equal(
		    fw_town_add_site(t, site, site, code, "household", "normal", "", ""), 0);
		fw_town_add_device(t, device, "", site, "hall", "meter", "", 0);
		snprintf(device, sizeof(device), "%s-smoke-%u", name, k);
		fw_town_add_device(t, device, "", site, "hall", "smoke_alarm", "", 0);
	}
}

/* They send a heartbeat a minute, and may miss three. */
static void
add_supervised(struct fw_town *t)
{
	fw_town_add_division(t, "330106109001004", "330106109001", "still", "grid");
	for (unsigned k = 1; k <= SUPERVISED; k++) {
		char name[32];

		snprintf(name, sizeof(name), "still-%u", k);
		assert_int_equal(fw_town_add_site(t, name, name, "330106109001004", "household",
				     "normal", "", ""),
		    0);
		fw_town_add_device(t, name, "", name, "", "smoke_alarm", "", 60);
	}
}

static void
add_grids(struct fw_town *t)
{
	fw_rulebook_add_kind(
	    fw_town_rulebook(t), &(struct fw_kind){.name = "meter", .missed = 3, .mains = true});
	fw_rulebook_add_limit(fw_town_rulebook(t), &(struct fw_hazard_limit){FW_CLASS_POWER, "", "",
						       3600 * SECOND, FW_DAY, false, "guardian"});
	add_grid(t, "330106109001001", "large", LARGE);
	add_grid(t, "330106109001002", "small", SMALL);
	add_grid(t, "330106109001003", "tiny", TINY);
	add_supervised(t);
	fw_town_add_person(t, "keeper", "赵", "", "", "https://example.org/k");
	assert_int_equal(
	    fw_town_add_duty(t, "330106", "small-house-3", "guardian", "keeper", 0, FW_NEVER), 0);
	fw_town_add_policy(t, FW_CLASS_POWER, "", "", 1, 60 * SECOND, "head", "webhook");
	fw_town_add_policy(t, FW_CLASS_FAULT, "household", "", 1, 0, "head", "webhook");
}

/* What the rows say now. */
struct line {
	char id[FW_ID_MAX], merged_into[FW_ID_MAX];
	enum fw_class class;
	uint32_t alarms, triggers;
	bool area, closed;
};

struct seen {
	struct line incidents[2 * LARGE];
	size_t count;
	char alarm_of[4 * LARGE][2][FW_ID_MAX]; /* alarm, its incident */
	size_t alarm_count;
	size_t lines_of_areas, said_all_restored, cancelled_steps, sends, hazards, hazards_of_3;
	char last_detail[1024];
};

static struct line *
line_of(struct seen *s, const char *id)
{
	size_t k = 0;

	while (k < s->count && strcmp(s->incidents[k].id, id) != 0)
		k++;
	assert_true(k < 2 * LARGE);
	s->count += k == s->count;
	return &s->incidents[k];
}

static void
see_alarm(struct seen *s, const struct fw_alarm *a)
{
	size_t k = 0;

	while (k < s->alarm_count && strcmp(s->alarm_of[k][0], a->id) != 0)
		k++;
	assert_true(k < 4 * LARGE);
	s->alarm_count += k == s->alarm_count;
	snprintf(s->alarm_of[k][0], FW_ID_MAX, "%s", a->id);
	snprintf(s->alarm_of[k][1], FW_ID_MAX, "%s", a->incident->id);
}

static void
see(const struct fw_action *action, void *context)
{
	struct seen *s = context;

	if (action->type == FW_ACT_INCIDENT) {
		const struct fw_incident *i = action->u.incident;
		struct line *line = line_of(s, i->id);

		snprintf(line->id, sizeof(line->id), "%s", i->id);
		snprintf(line->merged_into, sizeof(line->merged_into), "%s",
		    i->merged_into ? i->merged_into : "");
		line->class = i->class;
		line->alarms = i->alarm_count;
		line->triggers = i->trigger_count;
		line->area = i->area;
		line->closed = i->closed;
	} else if (action->type == FW_ACT_ALARM) {
		see_alarm(s, action->u.alarm);
	} else if (action->type == FW_ACT_TIMELINE && action->u.timeline->incident->area) {
		s->lines_of_areas++;
		s->said_all_restored += strcmp(action->u.timeline->kind, "restored") == 0;
	} else if (action->type == FW_ACT_STEP) {
		s->cancelled_steps += action->u.step->state == FW_STEP_CANCELLED;
	} else if (action->type == FW_ACT_SEND) {
		s->sends++;
	} else if (action->type == FW_ACT_HAZARD) {
		s->hazards++;
		s->hazards_of_3 += strcmp(action->u.hazard->site, "small-house-3") == 0 &&
				   strcmp(action->u.hazard->person, "keeper") == 0;
	}
}

static const struct line *
area(const struct seen *s)
{
	const struct line *found = NULL;

	for (size_t k = 0; k < s->count; k++)
		if (s->incidents[k].area) {
			assert_null(found);
			found = &s->incidents[k];
		}
	return found;
}

static size_t
merged(const struct seen *s)
{
	size_t n = 0;

	for (size_t k = 0; k < s->count; k++) {
		assert_int_equal(*s->incidents[k].merged_into != '\0',
		    s->incidents[k].closed && !s->incidents[k].area);
		n += *s->incidents[k].merged_into != '\0';
	}
	return n;
}

static const char *
incident_of(const struct seen *s, const char *alarm)
{
	for (size_t k = 0; k < s->alarm_count; k++)
		if (strcmp(s->alarm_of[k][0], alarm) == 0)
			return s->alarm_of[k][1];
	return "";
}

static int
set_up(void **state)
{
	struct bench *b = bench_new_with(add_grids);

	b->context = fw_calloc(1, sizeof(struct seen));
	b->seen = see;
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	free(b->context);
	bench_free(b);
	return 0;
}

static void
say(struct bench *b, const char *grid, unsigned number, struct say what)
{
	char device[32];

	snprintf(device, sizeof(device), "%s-%u", grid, number);
	what.topic_device = device;
	bench_say(b, what);
	bench_flush(b);
}

static void
lose(struct bench *b, const char *grid, unsigned from, unsigned to)
{
	for (unsigned k = from; k <= to; k++)
		say(b, grid, k, (struct say){.sequence = 1, .condition = FW_CONDITION_MAINS_LOST});
}

/* ---------------------------------------------------------------- how many */

static void
so_many_are_one_incident_and_one_less_are_not(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "large", 1, 9);
	assert_null(area(s));
	assert_int_equal(s->count, 9);
	lose(b, "large", 10, 10);
	assert_non_null(area(s));
	assert_string_equal(area(s)->id, "area~330106109001001~power~large-10~1~1");
	assert_int_equal(area(s)->alarms, 10);
	assert_int_equal(area(s)->triggers, 1);
	assert_int_equal(area(s)->class, FW_CLASS_POWER);
	assert_int_equal(merged(s), 9);
	assert_string_equal(incident_of(s, "large-1~1~1~0"), area(s)->id);
	assert_string_equal(incident_of(s, "large-10~1~1~0"), area(s)->id);
	assert_int_equal(s->cancelled_steps, 9);
}

static void
a_share_of_a_small_grid_is_enough_but_never_less_than_three(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "tiny", 1, TINY);
	lose(b, "small", 1, 2);
	assert_null(area(s));
	lose(b, "small", 3, 3);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 3);
	assert_int_equal(merged(s), 3 - 1);
}

/* The incident that it is in has none. */
static void
what_lasts_in_it_is_a_hazard_of_its_own_site(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 3);
	assert_non_null(area(s));
	bench_wait(b, 3600 * SECOND - 1);
	assert_int_equal(s->hazards, 0);
	bench_wait(b, SECOND);
	assert_int_equal(s->hazards, 3);
	assert_int_equal(s->hazards_of_3, 1);
}

static void
within_a_minute_and_not_behind_it(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 1);
	bench_wait(b, 61 * SECOND);
	lose(b, "small", 2, 3);
	assert_null(area(s));
	bench_wait(b, 60 * SECOND);
	lose(b, "small", 4, 4);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 3);
	assert_string_equal(incident_of(s, "small-1~1~1~0"), "small-1~1~1");
}

static void
what_is_back_already_does_not_count(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 2);
	say(b, "small", 1,
	    (struct say){.sequence = 2, .condition = FW_CONDITION_MAINS_LOST, .restored = true});
	lose(b, "small", 3, 3);
	assert_null(area(s));
	lose(b, "small", 4, 4);
	assert_non_null(area(s));
}

static void
only_mains_devices_and_only_the_mains_count(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 2);
	say(b, "small", 3, (struct say){.sequence = 1, .condition = FW_CONDITION_BATTERY_LOW});
	lose(b, "small-smoke", 1, SMALL);
	for (uint32_t point = 2; point < 20; point++)
		say(b, "small", 2,
		    (struct say){
			.sequence = point, .condition = FW_CONDITION_MAINS_LOST, .point = point});
	assert_null(area(s));
	/* The same alarm, which its battery held raised, loses the mains too: it counts. */
	say(b, "small", 3, (struct say){.sequence = 2, .condition = FW_CONDITION_MAINS_LOST});
	assert_non_null(area(s));
	assert_string_equal(
	    incident_of(s, "small-smoke-5~1~1~0"), area(s)->id); /* alone at its site */
	assert_string_equal(incident_of(s, "small-3~1~1~0"), area(s)->id);
	/* What is no mains device joins all the same. */
	assert_string_equal(incident_of(s, "small-smoke-2~1~1~0"), area(s)->id);
	/* A device's points are so many members, of one device. */
	assert_string_equal(incident_of(s, "small-2~1~19~0"), area(s)->id);
}

static void
grids_do_not_count_together(void **state)
{
	struct bench *b = *state;

	lose(b, "tiny", 1, 2);
	lose(b, "small", 1, 2);
	lose(b, "large", 1, 6);
	assert_null(area(b->context));
}

/* ---------------------------------------------------------------- members */

static void
others_join_until_ten_minutes_behind_the_last(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "large", 1, 10);
	bench_wait(b, 600 * SECOND);
	lose(b, "large", 11, 11);
	bench_wait(b, 600 * SECOND);
	lose(b, "large", 12, 12);
	assert_int_equal(area(s)->alarms, 12);
	assert_int_equal(area(s)->triggers, 1);
	bench_wait(b, 601 * SECOND);
	lose(b, "large", 13, 13);
	assert_int_equal(area(s)->alarms, 12);
	assert_string_equal(incident_of(s, "large-13~1~1~0"), "large-13~1~1");
}

static void
an_answer_for_the_area_is_not_undone_by_its_next_member(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	char id[FW_ID_MAX];

	lose(b, "large", 1, 10);
	snprintf(id, sizeof(id), "%s", area(s)->id);
	bench_act(b, id, 1, 0, FW_VERDICT_NONE);
	lose(b, "large", 11, 20);
	assert_int_equal(area(s)->triggers, 1);
	assert_int_equal(area(s)->alarms, 20);
	/* Another wave, later, calls people again. */
	bench_wait(b, 601 * SECOND);
	lose(b, "large", 21, 29);
	assert_int_equal(area(s)->triggers, 1);
	lose(b, "large", 30, 30);
	assert_int_equal(area(s)->triggers, 2);
	assert_int_equal(area(s)->alarms, 30);
}

static void
its_timeline_names_twenty_and_counts_the_rest(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "large", 1, LARGE);
	assert_int_equal(area(s)->alarms, LARGE);
	/* opened, trigger, policy, twenty members, nine merged, 20 and 40 members */
	assert_int_equal(s->lines_of_areas, 3 + 20 + 9 + 2);
	for (unsigned k = 1; k <= LARGE; k++)
		say(b, "large", k,
		    (struct say){
			.sequence = 2, .condition = FW_CONDITION_MAINS_LOST, .restored = true});
	assert_int_equal(s->said_all_restored, 1);
	assert_int_equal(s->lines_of_areas, 3 + 20 + 9 + 2 + 1);
	assert_false(area(s)->closed);
}

/* ---------------------------------------------------------------- what is no part of it */

static void
a_fire_stands_out_and_keeps_its_sites_power_alarm(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	const char *trace;

	lose(b, "small", 1, 1);
	bench_say(
	    b, (struct say){
		   .topic_device = "small-smoke-1", .sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_flush(b);
	lose(b, "small", 2, 3);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 2);
	assert_string_equal(incident_of(s, "small-1~1~1~0"), "small-1~1~1");
	assert_int_equal(line_of(s, "small-1~1~1")->class, FW_CLASS_FIRE);
	assert_false(line_of(s, "small-1~1~1")->closed);
	/* A fire of a site whose power alarm has been merged: an incident of its own. */
	trace = bench_say(
	    b, (struct say){
		   .topic_device = "small-smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	assert_int_equal(count_lines(trace, "timeline trigger"), 1);
	assert_non_null(strstr(trace, "page "));
	bench_flush(b);
	assert_string_equal(incident_of(s, "small-smoke-2~1~1~0"), "small-smoke-2~1~1");
	/* And one where the power fails afterwards keeps it. */
	bench_say(
	    b, (struct say){
		   .topic_device = "small-smoke-4", .sequence = 1, .condition = FW_CONDITION_FIRE});
	lose(b, "small", 4, 4);
	assert_string_equal(incident_of(s, "small-4~1~1~0"), "small-smoke-4~1~1");
	assert_int_equal(area(s)->alarms, 2);
}

static void
what_people_have_answered_is_not_merged(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 2);
	bench_act(b, "small-1~1~1", 1, 0, FW_VERDICT_NONE);
	lose(b, "small", 3, 3);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 2);
	assert_int_equal(merged(s), 1);
	assert_string_equal(incident_of(s, "small-1~1~1~0"), "small-1~1~1");
	assert_false(line_of(s, "small-1~1~1")->closed);
}

static void
another_kind_in_the_sites_incident_keeps_it(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 1);
	bench_say(b,
	    (struct say){
		.topic_device = "small-smoke-1", .sequence = 1, .condition = FW_CONDITION_TAMPER});
	lose(b, "small", 2, 3);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 2);
	assert_false(line_of(s, "small-1~1~1")->closed);
}

static void
a_page_under_way_for_a_merged_incident_is_not_sent(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	lose(b, "small", 1, 2);
	bench_wait(b, 60 * SECOND); /* their first step is due: the pages are being claimed */
	assert_int_equal(b->claim_count, 2);
	lose(b, "small", 3, 3);
	assert_int_equal(merged(s), 2);
	bench_commit(b);
	assert_int_equal(s->sends, 0);
	bench_wait(b, 60 * SECOND); /* the area's own */
	bench_commit(b);
	assert_int_equal(s->sends, 1);
}

/* ---------------------------------------------------------------- a new start */

static void
load(struct bench *b, const char *device, const char *site, const char *id, const char *key,
    int64_t at_us)
{
	struct fw_incident *i = fw_calloc(1, sizeof(*i));
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));
	char alarm_id[FW_ID_MAX];

	i->id = fw_strdup(id);
	i->key = fw_strdup(key);
	i->division = fw_strdup("330106109001002");
	i->site = fw_strdup(strncmp(key, "area:", 5) == 0 ? "" : site);
	i->device = fw_strdup(device);
	i->class = FW_CLASS_POWER;
	i->opened_at_us = at_us;
	i->trigger_count = i->alarm_count = 1;
	fw_core_load_incident(b->core, i);
	snprintf(alarm_id, sizeof(alarm_id), "%s~1~1~0", device);
	a->id = fw_strdup(alarm_id);
	a->class = FW_CLASS_POWER;
	a->conditions = UINT64_C(1) << FW_CONDITION_MAINS_LOST;
	a->received_at_us = a->last_seen_us = a->observed_at_us = at_us;
	a->raised_boot = 1;
	a->raised_sequence = 1;
	a->report_count = 1;
	a->zone = fw_strdup("hall");
	a->reason = fw_strdup("");
	a->rule = fw_strdup("");
	a->data = fw_strdup("");
	a->text = fw_strdup("");
	assert_int_equal(fw_core_load_alarm(b->core, a, device, "330106109001002", id), FW_OK);
}

static void
what_was_counted_before_a_new_start_counts(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	load(b, "small-1", "small-house-1", "small-1~1~1", "small-house-1", b->now_us);
	load(b, "small-2", "small-house-2", "small-2~1~1", "small-house-2", b->now_us);
	lose(b, "small", 3, 3);
	assert_non_null(area(s));
	assert_int_equal(area(s)->alarms, 3);
	assert_int_equal(merged(s), 2);
}

/* Of the sites of small-1 and small-2, around now. */
static void
test_two_houses(struct bench *b)
{
	struct fw_window w[2];

	for (size_t k = 0; k < 2; k++)
		w[k] = (struct fw_window){.id = k ? "w2" : "w1",
		    .division = "330106109001002",
		    .site = k ? "small-house-2" : "small-house-1",
		    .zone = "",
		    .device = "",
		    .starts_at_us = b->now_us - SECOND,
		    .ends_at_us = b->now_us + 3600 * SECOND};
	bench_windows(b, w, 2);
}

static void
what_is_in_a_test_window_does_not_count(void **state)
{
	struct bench *b = *state;

	test_two_houses(b);
	lose(b, "small", 1, 4);
	assert_null(area(b->context));
	lose(b, "small", 5, 5);
	assert_int_equal(area(b->context)->alarms, 3);
	assert_int_equal(merged(b->context), 2);
}

static void
nor_behind_a_new_start(void **state)
{
	struct bench *b = *state;

	test_two_houses(b);
	load(b, "small-1", "small-house-1", "small-1~1~1", "small-house-1", b->now_us);
	load(b, "small-2", "small-house-2", "small-2~1~1", "small-house-2", b->now_us);
	lose(b, "small", 3, 4);
	assert_null(area(b->context));
}

static void
an_area_of_before_takes_its_next_member(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	char key[64];

	assert_true(
	    fw_incident_area_key("area~330106109001002~power~small-1~1~1", key, sizeof(key)));
	assert_string_equal(key, "area:330106109001002:power");
	assert_false(fw_incident_area_key("area~101~5", key, sizeof(key)));
	assert_false(fw_incident_area_key("area~at~101~5", key, sizeof(key)));
	load(b, "small-1", "small-house-1", "area~330106109001002~power~small-1~1~1", key,
	    b->now_us - 590 * SECOND);
	lose(b, "small", 2, 2);
	assert_int_equal(area(s)->alarms, 2);
	assert_int_equal(area(s)->triggers, 1);
}

/* ---------------------------------------------------------------- one site's incident */

static void
a_new_kind_alerts_again_and_the_same_does_not(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b,
	    (struct say){
		.topic_device = "large-smoke-1", .sequence = 1, .condition = FW_CONDITION_TAMPER});
	trace = bench_say(
	    b, (struct say){
		   .topic_device = "large-1", .sequence = 1, .condition = FW_CONDITION_TAMPER});
	assert_int_equal(count_lines(trace, "timeline trigger"), 0);
	trace = bench_say(
	    b, (struct say){
		   .topic_device = "large-1", .sequence = 2, .condition = FW_CONDITION_FAULT});
	assert_int_equal(count_lines(trace, "timeline trigger"), 1);
	/* A lower kind, while people are being called for a higher one, does not. */
	trace = bench_say(
	    b, (struct say){
		   .topic_device = "large-1", .sequence = 3, .condition = FW_CONDITION_MAINS_LOST});
	assert_int_equal(count_lines(trace, "timeline trigger"), 0);
}

static void
a_new_zone_alerts_again_and_the_same_does_not(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_commit(b);
	trace = bench_say(b,
	    (struct say){.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(trace, "page "));
	bench_commit(b);
	/* Another point of a zone that burns already: a quiet one. */
	trace = bench_say(b, (struct say){.topic_device = "smoke-3",
				 .sequence = 2,
				 .point = 7,
				 .condition = FW_CONDITION_FIRE});
	assert_null(strstr(trace, "page "));
}

/* A panel is reset: what is still so comes again, frame by frame. */
static void
a_panels_reset_is_one_incident_with_few_triggers(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	uint64_t sequence = 0;

	for (uint32_t point = 1; point <= 30; point++)
		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = ++sequence,
				 .point = point,
				 .condition = FW_CONDITION_FAULT});
	bench_flush(b);
	assert_int_equal(s->count, 1);
	assert_int_equal(s->incidents[0].triggers, 1);
	bench_act(b, s->incidents[0].id, 1, 0, FW_VERDICT_NONE);
	for (unsigned times = 0; times < 4; times++) {
		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = ++sequence,
				 .condition = FW_CONDITION_RESET});
		for (uint32_t point = 1; point <= 30; point++)
			bench_say(b, (struct say){.topic_device = "panel",
					 .sequence = ++sequence,
					 .point = point,
					 .condition = FW_CONDITION_FAULT});
		bench_flush(b);
	}
	assert_int_equal(s->count, 1);
	assert_int_equal(s->incidents[0].alarms, 150);
	assert_int_equal(s->incidents[0].triggers, 2); /* it was answered before */
}

/* ---------------------------------------------------------------- silence */

static void
live(struct bench *b, unsigned from, unsigned to, uint64_t minutes)
{
	static uint64_t sequence;

	for (uint64_t n = 0; n < minutes; n++) {
		sequence++;
		for (unsigned k = from; k <= to; k++)
			say(b, "still", k, (struct say){.sequence = sequence, .telemetry = true});
		bench_hear(b, 60 * SECOND);
		bench_flush(b);
	}
}

static void
a_grid_that_falls_silent_is_one_incident_and_two_devices_are_not(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	fw_core_listening(b->core, true, b->now_us);
	live(b, 1, SUPERVISED, 2);
	live(b, 3, SUPERVISED, 10);
	assert_null(area(s));
	bench_hear(b, 240 * SECOND);
	bench_flush(b);
	assert_non_null(area(s));
	assert_int_equal(area(s)->class, FW_CLASS_OFFLINE);
	assert_int_equal(area(s)->alarms, SUPERVISED); /* with those that were silent before */
	assert_int_equal(area(s)->triggers, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(so_many_are_one_incident_and_one_less_are_not),
	    TEST(a_share_of_a_small_grid_is_enough_but_never_less_than_three),
	    TEST(what_lasts_in_it_is_a_hazard_of_its_own_site),
	    TEST(within_a_minute_and_not_behind_it),
	    TEST(what_is_back_already_does_not_count),
	    TEST(only_mains_devices_and_only_the_mains_count),
	    TEST(grids_do_not_count_together),
	    TEST(others_join_until_ten_minutes_behind_the_last),
	    TEST(an_answer_for_the_area_is_not_undone_by_its_next_member),
	    TEST(its_timeline_names_twenty_and_counts_the_rest),
	    TEST(a_fire_stands_out_and_keeps_its_sites_power_alarm),
	    TEST(what_people_have_answered_is_not_merged),
	    TEST(another_kind_in_the_sites_incident_keeps_it),
	    TEST(a_page_under_way_for_a_merged_incident_is_not_sent),
	    TEST(what_was_counted_before_a_new_start_counts),
	    TEST(what_is_in_a_test_window_does_not_count),
	    TEST(nor_behind_a_new_start),
	    TEST(an_area_of_before_takes_its_next_member),
	    TEST(a_new_kind_alerts_again_and_the_same_does_not),
	    TEST(a_new_zone_alerts_again_and_the_same_does_not),
	    TEST(a_panels_reset_is_one_incident_with_few_triggers),
	    TEST(a_grid_that_falls_silent_is_one_incident_and_two_devices_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
