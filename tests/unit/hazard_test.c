/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes a hazard, in virtual time: what lasts too long and what is wrong too often, each
 * with what just does not. */
#include "core_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))

static void
limits(struct fw_town *t)
{
	static const struct fw_hazard_limit rows[] = {
	    {FW_CLASS_FAULT, "", "", FW_DAY, 7 * FW_DAY, false, "mechanic"},
	    {FW_CLASS_FAULT, "smoke_alarm", "elderly_household", FW_DAY / 6, FW_DAY, true, "head"},
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		fw_rulebook_add_limit(fw_town_rulebook(t), &rows[k]);
}

static int
setup(void **state)
{
	*state = bench_new_with(limits);
	return 0;
}

static int
teardown(void **state)
{
	bench_free(*state);
	return 0;
}

static const char *
say(struct bench *b, const char *device, uint32_t condition, bool restored, uint64_t sequence)
{
	return bench_say(b, (struct say){.topic_device = device,
				.condition = condition,
				.restored = restored,
				.sequence = sequence});
}

/* ---------------------------------------------------------------- what lasts */

static void
a_fault_that_outlives_its_limit(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	has_not(bench_wait(b, FW_DAY / 6 - 1), "hazard");
	has(bench_wait(b, 1), "hazard smoke-1~0~fault lasting major head found 14400");
	has_not(bench_wait(b, 30 * FW_DAY), "hazard");
}

static void
a_fault_that_ends_just_before(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	bench_wait(b, FW_DAY / 6 - 1);
	say(b, "smoke-1", FW_CONDITION_FAULT, true, 2);
	has_not(bench_wait(b, 30 * FW_DAY), "hazard");
}

static void
one_that_comes_back_begins_anew(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	bench_wait(b, FW_DAY / 6 - SECOND);
	say(b, "smoke-1", FW_CONDITION_FAULT, true, 2);
	say(b, "smoke-1", FW_CONDITION_FAULT, false, 3);
	has_not(bench_wait(b, FW_DAY / 6 - 1), "hazard");
	has(bench_wait(b, 1), "hazard smoke-1~0~fault lasting major head found 28799");
}

static void
a_repeat_does_not_put_it_off(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	bench_wait(b, FW_DAY / 12);
	say(b, "smoke-1", FW_CONDITION_FAULT, false, 2);
	has(bench_wait(b, FW_DAY / 12), "hazard smoke-1~0~fault lasting major head found 14400");
}

static void
the_most_particular_limit_counts(void **state)
{
	struct bench *b = *state;

	say(b, "panel", FW_CONDITION_FAULT, false, 1);
	has_not(bench_wait(b, FW_DAY - 1), "hazard");
	has(bench_wait(b, 1), "hazard panel~0~fault lasting general silent found 86400");
}

static void
a_class_without_a_limit_is_none(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_SUPERVISORY, false, 1);
	has_not(bench_wait(b, 30 * FW_DAY), "hazard");
}

static void
the_limit_is_of_when_it_came_not_of_when_it_is_noticed(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	b->now_us += FW_DAY;
	has(bench_wait(b, 0), "hazard smoke-1~0~fault lasting major head found 14400");
}

static void
a_town_read_again_changes_nothing(void **state)
{
	struct bench *b = *state;

	say(b, "smoke-1", FW_CONDITION_FAULT, false, 1);
	bench_wait(b, FW_DAY / 12);
	bench_renew_town(b);
	has_not(bench_wait(b, FW_DAY / 12 - 1), "hazard");
	has(bench_wait(b, 1), "hazard smoke-1~0~fault lasting major head found 14400");
	bench_renew_town(b);
	has_not(bench_wait(b, 30 * FW_DAY), "hazard");
}

/* ---------------------------------------------------------------- what is wrong too often */

/* A fire of the device, now, which a person closes with that verdict; what is said of the verdict.
 */
static const char *
judged(struct bench *b, const char *device, enum fw_verdict verdict)
{
	static uint64_t sequence;
	char incident[64];

	say(b, device, FW_CONDITION_FIRE, false, ++sequence);
	snprintf(incident, sizeof(incident), "%s~1~%" PRIu64, device, sequence);
	say(b, device, FW_CONDITION_FIRE, true, ++sequence);
	return bench_act(b, incident, 1, 1, verdict);
}

static void
three_false_alarms_of_a_detector(void **state)
{
	struct bench *b = *state;

	has_not(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM), "hazard");
	bench_wait(b, 15 * FW_DAY);
	has_not(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM), "hazard");
	bench_wait(b, 15 * FW_DAY - SECOND);
	has(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM),
	    "hazard device:smoke-1~false_alarms false_alarms general head found 2591999");
	/* Each further one is a newer cause. */
	bench_wait(b, SECOND);
	assert_non_null(strstr(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM), "found 2592000"));
}

static void
three_in_more_than_thirty_days(void **state)
{
	struct bench *b = *state;

	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 15 * FW_DAY);
	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 15 * FW_DAY);
	has_not(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM), "hazard");
}

static void
three_of_three_detectors(void **state)
{
	struct bench *b = *state;

	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	judged(b, "smoke-2", FW_VERDICT_FALSE_ALARM);
	has_not(judged(b, "smoke-3", FW_VERDICT_FALSE_ALARM), "hazard");
}

static void
what_is_no_false_alarm_does_not_count(void **state)
{
	struct bench *b = *state;

	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	has_not(judged(b, "smoke-1", FW_VERDICT_TEST), "hazard");
	has_not(judged(b, "smoke-1", FW_VERDICT_REAL_FIRE), "hazard");
	has_not(judged(b, "smoke-1", FW_VERDICT_UNKNOWN), "hazard");
}

static void
who_changes_their_mind_takes_it_back(void **state)
{
	struct bench *b = *state;

	judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM);
	say(b, "smoke-1", FW_CONDITION_FIRE, false, 1001);
	has_not(bench_act(b, "smoke-1~1~1001", 1, 0, FW_VERDICT_FALSE_ALARM), "hazard");
	has_not(bench_act(b, "smoke-1~1~1001", 1, 0, FW_VERDICT_FALSE_ALARM), "hazard");
	bench_act(b, "smoke-1~1~1001", 1, 1, FW_VERDICT_TEST);
	say(b, "smoke-1", FW_CONDITION_FIRE, true, 1002);
	say(b, "smoke-1", FW_CONDITION_FIRE, false, 1003);
	has_not(bench_act(b, "smoke-1~1~1003", 1, 1, FW_VERDICT_FALSE_ALARM), "hazard");
}

/* Two of each detector, so that none has three. */
static const char *
six_within(struct bench *b, int64_t within_us)
{
	static const char *const devices[] = {
	    "smoke-1", "smoke-2", "smoke-3", "smoke-1", "smoke-2", "smoke-3"};

	for (size_t k = 0; k < 5; k++) {
		has_not(judged(b, devices[k], FW_VERDICT_FALSE_ALARM), "hazard");
		bench_wait(b, k < 4 ? FW_DAY / 6 : within_us - 4 * (FW_DAY / 6));
	}
	return judged(b, devices[5], FW_VERDICT_FALSE_ALARM);
}

static void
six_false_alarms_of_a_site_within_a_day(void **state)
{
	has(six_within(*state, FW_DAY - SECOND),
	    "hazard site:home~false_alarms false_alarms general head found 86399");
}

static void
six_in_just_a_day(void **state)
{
	has_not(six_within(*state, FW_DAY), "hazard");
}

static void
those_of_an_earlier_run_count(void **state)
{
	struct bench *b = *state;

	for (int k = 1; k <= 2; k++)
		fw_core_load_false_alarm(
		    b->core, "330106109001", "home", "smoke-1", NOON - k * FW_DAY);
	has_not(bench_wait(b, 0), "hazard");
	has(judged(b, "smoke-1", FW_VERDICT_FALSE_ALARM),
	    "hazard device:smoke-1~false_alarms false_alarms general head found 0");
}

/* It died between the verdict and the hazard. */
static void
what_an_earlier_run_did_not_say_is_said(void **state)
{
	struct bench *b = *state;

	for (int k = 3; k >= 1; k--)
		fw_core_load_false_alarm(
		    b->core, "330106109001", "home", "smoke-1", NOON - k * FW_DAY);
	has(bench_wait(b, 0),
	    "hazard device:smoke-1~false_alarms false_alarms general head found -86400");
	has_not(bench_wait(b, FW_DAY), "hazard");
}

static void
a_stranger_has_no_site(void **state)
{
	struct bench *b = *state;

	for (int k = 3; k >= 1; k--)
		fw_core_load_false_alarm(
		    b->core, "330106109001", "", "stranger", NOON - k * SECOND);
	has(bench_wait(b, 0),
	    "hazard device:stranger~false_alarms false_alarms general silent found -1");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(a_fault_that_outlives_its_limit),
	    test(a_fault_that_ends_just_before),
	    test(one_that_comes_back_begins_anew),
	    test(a_repeat_does_not_put_it_off),
	    test(the_most_particular_limit_counts),
	    test(a_class_without_a_limit_is_none),
	    test(the_limit_is_of_when_it_came_not_of_when_it_is_noticed),
	    test(a_town_read_again_changes_nothing),
	    test(three_false_alarms_of_a_detector),
	    test(three_in_more_than_thirty_days),
	    test(three_of_three_detectors),
	    test(what_is_no_false_alarm_does_not_count),
	    test(who_changes_their_mind_takes_it_back),
	    test(six_false_alarms_of_a_site_within_a_day),
	    test(six_in_just_a_day),
	    test(those_of_an_earlier_run_count),
	    test(what_an_earlier_run_did_not_say_is_said),
	    test(a_stranger_has_no_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
