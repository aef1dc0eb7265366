/* SPDX-License-Identifier: Apache-2.0 */
/* How sure a fire is: what confirms it, what is of high confidence alone, and what just is not. */
#include "core_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))

static int
setup(void **state)
{
	*state = bench_new();
	return 0;
}

static int
teardown(void **state)
{
	bench_free(*state);
	return 0;
}

/* What a second alarm makes of the first one's incident. */
enum outcome { SINGLE, HIGH, CONFIRMED };

static const struct pair {
	const char *what;
	struct say first, second;
	int64_t apart_us;
	enum outcome outcome;
} pairs[] = {
    {"two detectors of a zone, just in time", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE}, 300 * SECOND,
	CONFIRMED},
    {"… just too late", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE},
	300 * SECOND + 1, SINGLE},
    {"… of two zones", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE}, SECOND, SINGLE},
    {"a detector twice", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.sequence = 2, .condition = FW_CONDITION_FIRE}, SECOND, SINGLE},
    {"two points of a panel",
	{.topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_FIRE, .point = 1},
	{.topic_device = "panel", .sequence = 2, .condition = FW_CONDITION_FIRE, .point = 2},
	SECOND, CONFIRMED},
    {"a point and its panel",
	{.topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_FIRE, .point = 1},
	{.topic_device = "panel", .sequence = 2, .condition = FW_CONDITION_FIRE}, SECOND, SINGLE},
    {"a detector and a hand", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_MANUAL_CALL}, SECOND,
	CONFIRMED},
    {"a detector and flowing water",
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_WATER_FLOW},
	{.sequence = 1, .condition = FW_CONDITION_FIRE}, SECOND, CONFIRMED},
    {"a detector and a pre-alarm", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_PRE_ALARM}, SECOND,
	HIGH},
    {"a detector and a fault", {.sequence = 1, .condition = FW_CONDITION_FIRE},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FAULT}, SECOND,
	SINGLE},
    {"two detectors of gas", {.sequence = 1, .condition = FW_CONDITION_GAS},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_GAS}, SECOND, SINGLE},
    {"a hand alone", {.sequence = 1, .condition = FW_CONDITION_FAULT},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_MANUAL_CALL}, SECOND,
	HIGH},
    {"water alone", {.sequence = 1, .condition = FW_CONDITION_FAULT},
	{.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_WATER_FLOW}, SECOND,
	HIGH},
};

static void
what_a_second_alarm_says(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++) {
		struct bench *b = bench_new();
		const char *trace;
		bool confirmed, high;

		bench_say(b, pairs[k].first);
		bench_flush(b);
		bench_wait(b, pairs[k].apart_us);
		bench_say(b, pairs[k].second);
		trace = bench_flush(b);
		confirmed = strstr(trace, " confirmed") != NULL;
		high = strstr(trace, " high") != NULL;
		if (confirmed != (pairs[k].outcome == CONFIRMED) ||
		    high != (pairs[k].outcome == HIGH))
			fail_msg("%s: %s", pairs[k].what, trace);
		bench_free(b);
	}
}

static void
the_same_detector_after_a_reset_is_of_high_confidence(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_RESET});
	has_not(bench_flush(b), "high");
	bench_wait(b, 10 * SECOND);
	has(bench_say(b, (struct say){.sequence = 3, .condition = FW_CONDITION_FIRE}),
	    "timeline high_confidence");
	assert_non_null(strstr(bench_flush(b), " high"));
}

static void
the_same_detector_after_a_restore_is_not(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE, .restored = true});
	bench_wait(b, 10 * SECOND);
	bench_say(b, (struct say){.sequence = 3, .condition = FW_CONDITION_FIRE});
	has_not(bench_flush(b), " high");
}

static void
long_after_a_reset_is_not(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_RESET});
	bench_flush(b);
	bench_wait(b, 301 * SECOND);
	bench_say(b, (struct say){.sequence = 3, .condition = FW_CONDITION_FIRE});
	has_not(bench_flush(b), " high");
}

static void
no_page_waits_for_confirmation(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "page guardian step 1");
	has(bench_wait(b, 60 * SECOND), "page head step 2");
}

static void
confirmation_calls_everybody_at_once(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	trace = bench_say(b,
	    (struct say){.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	has(trace, "page head step 2 force");
	has(trace, "page station step 3 force");
}

/* A stranger's zone is unknown. */
static void
an_unclaimed_device_confirms_nothing(void **state)
{
	struct bench *b = *state;

	for (uint32_t point = 1; point <= 2; point++)
		bench_say(b, (struct say){.topic_device = "stranger",
				 .sequence = point,
				 .condition = FW_CONDITION_FIRE,
				 .point = point});
	has_not(bench_flush(b), "confirmed");
}

/* The time that a panel's report takes of so many points, each of which supports a fire. */
static clock_t
time_of_report(size_t points)
{
	struct bench *b = bench_new();
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
	Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT, *reports[] = {&report};
	Firewatch__V1__Event *all = fw_calloc(points, sizeof(*all));
	Firewatch__V1__Event **events = fw_calloc(points, sizeof(Firewatch__V1__Event *));
	struct fw_message m = {.journal = 1,
	    .received_at_us = NOON,
	    .topic = "fire/v1/330106109001/panel/alarm",
	    .topic_len = strlen("fire/v1/330106109001/panel/alarm")};
	uint8_t *bytes;
	clock_t begun;

	for (size_t k = 0; k < points; k++) {
		firewatch__v1__event__init(&all[k]);
		all[k].point = (uint32_t)k + 1;
		all[k].component_type = 111;
		all[k].condition = (Firewatch__V1__Condition)FW_CONDITION_ACTIVATED;
		all[k].active = true;
		events[k] = &all[k];
	}
	report.boot_id = 1;
	report.sequence = 1;
	report.events = events;
	report.n_events = points;
	uplink.reports = reports;
	uplink.n_reports = 1;
	m.payload_len = m.original_len = firewatch__v1__uplink__get_packed_size(&uplink);
	m.payload = bytes = fw_calloc(m.payload_len, 1);
	firewatch__v1__uplink__pack(&uplink, bytes);
	begun = clock();
	fw_core_message(b->core, &m, NOON);
	begun = clock() - begun;
	free(bytes);
	free(events);
	free(all);
	bench_free(b);
	return begun;
}

/* Four times the points take about four times as long; it was sixteen times. */
static void
a_large_panel_is_not_looked_through_for_each_of_its_points(void **state)
{
	clock_t few, many;

	(void)state;
	few = time_of_report(5000);
	many = time_of_report(20000);
	assert_true(many < 9 * few);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_second_alarm_says),
	    cmocka_unit_test_setup_teardown(
		the_same_detector_after_a_reset_is_of_high_confidence, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_same_detector_after_a_restore_is_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(long_after_a_reset_is_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_page_waits_for_confirmation, setup, teardown),
	    cmocka_unit_test_setup_teardown(confirmation_calls_everybody_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_unclaimed_device_confirms_nothing, setup, teardown),
	    cmocka_unit_test(a_large_panel_is_not_looked_through_for_each_of_its_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
