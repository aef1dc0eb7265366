/* SPDX-License-Identifier: Apache-2.0 */
/* Protection levels: when one is in force, and what it changes. */
#include "core_fixture.h"

#include <string.h>

#include "base/time.h"
#include "core/state.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))
#define BEGINS (NOON + 100 * SECOND)
#define ENDS (NOON + 200 * SECOND)

/* The district is raised for a while, one of its villages higher within that. */
static void
rules(struct fw_town *t)
{
	fw_rulebook_set_level(fw_town_rulebook(t), FW_LEVEL_ELEVATED,
	    &(struct fw_level){
		.timeout_percent = 50, .pre_alarm_is_alarm = true, .extra_role = "station"});
	fw_rulebook_set_level(fw_town_rulebook(t), FW_LEVEL_HIGHEST,
	    &(struct fw_level){.timeout_percent = 25, .extra_role = ""});
	assert_int_equal(fw_town_add_protection(t, "330106", FW_LEVEL_ELEVATED, BEGINS, ENDS), 0);
	assert_int_equal(fw_town_add_protection(t, "330106109001", FW_LEVEL_HIGHEST,
			     BEGINS + 10 * SECOND, BEGINS + 20 * SECOND),
	    0);
	assert_int_equal(
	    fw_town_add_protection(t, "999999", FW_LEVEL_HIGHEST, BEGINS, ENDS), FW_ENOTFOUND);
}

static int
setup(void **state)
{
	*state = bench_new_with(rules);
	return 0;
}

static int
teardown(void **state)
{
	bench_free(*state);
	return 0;
}

static enum fw_level_id
level_in(const struct bench *b, const char *division, int64_t at_us)
{
	const struct fw_town *t = fw_core_town(b->core);

	return fw_town_level(t, fw_town_division(t, division), at_us);
}

static void
a_level_begins_and_ends_by_itself(void **state)
{
	struct bench *b = *state;

	assert_int_equal(level_in(b, "330106", BEGINS - 1), FW_LEVEL_NORMAL);
	assert_int_equal(level_in(b, "330106", BEGINS), FW_LEVEL_ELEVATED);
	assert_int_equal(level_in(b, "330106", ENDS - 1), FW_LEVEL_ELEVATED);
	assert_int_equal(level_in(b, "330106", ENDS), FW_LEVEL_NORMAL);
}

static void
it_goes_down_the_divisions_and_the_highest_counts(void **state)
{
	struct bench *b = *state;

	assert_int_equal(level_in(b, "330106109001", BEGINS), FW_LEVEL_ELEVATED);
	assert_int_equal(level_in(b, "330106109001", BEGINS + 10 * SECOND), FW_LEVEL_HIGHEST);
	assert_int_equal(level_in(b, "330106109001", BEGINS + 20 * SECOND), FW_LEVEL_ELEVATED);
	assert_int_equal(level_in(b, "330106109", BEGINS + 10 * SECOND), FW_LEVEL_ELEVATED);
}

static void
the_next_change_is_known(void **state)
{
	const struct fw_town *t = fw_core_town(((struct bench *)*state)->core);
	static const int64_t changes[] = {
	    BEGINS, BEGINS + 10 * SECOND, BEGINS + 20 * SECOND, ENDS, FW_NEVER};
	int64_t at = NOON;

	for (size_t k = 0; k < sizeof(changes) / sizeof(changes[0]); k++) {
		at = fw_town_next_level_us(t, at);
		assert_int_equal(at, changes[k]);
	}
}

static const struct fw_alarm *
raised(const struct bench *b, const char *device)
{
	const struct fw_device *d = fw_idset_get(&b->core->devices, device, strlen(device));

	return d->alarms;
}

static void
an_alarm_keeps_the_level_it_was_raised_at(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FAULT});
	assert_int_equal(raised(b, "smoke-1")->level, FW_LEVEL_NORMAL);
	bench_wait(b, 100 * SECOND);
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FAULT});
	assert_int_equal(raised(b, "smoke-1")->level, FW_LEVEL_NORMAL);
	bench_say(b,
	    (struct say){.topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_FAULT});
	assert_int_equal(raised(b, "panel")->level, FW_LEVEL_ELEVATED);
	assert_int_equal(raised(b, "panel")->incident->level, FW_LEVEL_ELEVATED);
}

/* Read late, or read again after a restart, it is what it was when it came. */
static void
it_is_that_of_the_time_the_report_was_received(void **state)
{
	struct bench *b = *state;

	bench_wait(b, ENDS - NOON - 1);
	b->received_us = b->now_us;
	bench_wait(b, 10 * SECOND);
	bench_say(
	    b, (struct say){
		   .topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_PRE_ALARM});
	assert_int_equal(raised(b, "panel")->level, FW_LEVEL_ELEVATED);
	assert_int_equal(raised(b, "panel")->class, FW_CLASS_FIRE);
	b->received_us = 0;
	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_PRE_ALARM});
	assert_int_equal(raised(b, "smoke-1")->level, FW_LEVEL_NORMAL);
	assert_int_equal(raised(b, "smoke-1")->class, FW_CLASS_PRE_ALARM);
}

static void
extra_people_are_told_while_it_is_raised(void **state)
{
	struct bench *b = *state;

	bench_wait(b, 100 * SECOND - 1);
	has_not(bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "page station");
	bench_wait(b, 1);
	has(bench_say(b,
		(struct say){
		    .topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "page station step 1");
}

static void
not_about_a_fault(void **state)
{
	struct bench *b = *state;

	bench_wait(b, 100 * SECOND);
	has_not(bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FAULT}),
	    "page station");
}

/* While it is raised a pre-alarm is an alarm; a restore that comes after it has ended ends it. */
static void
a_pre_alarm_is_an_alarm_while_it_is_raised(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_PRE_ALARM});
	has(bench_flush(b), "alarm smoke-1~1~1~0 pre_alarm x1 active");
	bench_wait(b, 100 * SECOND);
	bench_say(
	    b, (struct say){
		   .topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_PRE_ALARM});
	has(bench_flush(b), "alarm smoke-2~1~1~0 fire x1 active");
	bench_wait(b, 200 * SECOND);
	bench_say(b, (struct say){.topic_device = "smoke-2",
			 .sequence = 2,
			 .condition = FW_CONDITION_PRE_ALARM,
			 .restored = true});
	has(bench_flush(b), "alarm smoke-2~1~1~0 fire x1 restored");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_level_begins_and_ends_by_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		it_goes_down_the_divisions_and_the_highest_counts, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_next_change_is_known, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		an_alarm_keeps_the_level_it_was_raised_at, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		it_is_that_of_the_time_the_report_was_received, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		extra_people_are_told_while_it_is_raised, setup, teardown),
	    cmocka_unit_test_setup_teardown(not_about_a_fault, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_pre_alarm_is_an_alarm_while_it_is_raised, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
