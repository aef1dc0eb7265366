/* SPDX-License-Identifier: Apache-2.0 */
/* When a division's alarms are a flood, when it is over, and that it changes nothing. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

static int
set_up(void **state)
{
	*state = bench_new();
	return 0;
}

static int
tear_down(void **state)
{
	bench_free(*state);
	return 0;
}

/* So many new alarms, each at a point of its own, in the same moment. */
static const char *
raise(struct bench *b, unsigned from, unsigned to)
{
	for (unsigned k = from; k <= to; k++) {
		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = k,
				 .point = k,
				 .condition = FW_CONDITION_FAULT});
		if (k % 200 == 0 && k < to)
			bench_flush(b); /* what its trace has room for */
	}
	return bench_flush(b);
}

static void
more_than_ten_in_ten_minutes_begin_it(void **state)
{
	struct bench *b = *state;

	assert_null(strstr(raise(b, 1, 10), "flood"));
	assert_int_equal(count_lines(raise(b, 11, 11), "flood 330106109001 11 peak 11"), 1);
	assert_int_equal(count_lines(raise(b, 12, 20), "flood 330106109001 20 peak 20"), 1);
	assert_null(strstr(bench_flush(b), "flood"));
}

static void
eleven_in_ten_minutes_and_a_second_do_not(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 1);
	bench_wait(b, 601 * SECOND);
	assert_null(strstr(raise(b, 2, 11), "flood"));
	assert_non_null(strstr(raise(b, 12, 12), "flood"));
}

static void
repeats_and_other_divisions_do_not_count(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 10);
	for (unsigned k = 0; k < 20; k++)
		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = 100 + k,
				 .point = 1,
				 .condition = FW_CONDITION_FAULT});
	assert_null(strstr(bench_flush(b), "flood"));
}

static void
under_five_end_it(void **state)
{
	struct bench *b = *state;
	struct fw_core_counters c;

	raise(b, 1, 11);
	bench_wait(b, 300 * SECOND);
	raise(b, 12, 16);
	/* The first ones are over: five are left. */
	assert_null(strstr(bench_wait(b, 301 * SECOND), "flood"));
	fw_core_counters(b->core, &c);
	assert_int_equal(c.floods, 1);
	assert_null(strstr(bench_wait(b, 299 * SECOND), "flood"));
	assert_int_equal(
	    count_lines(bench_wait(b, SECOND), "flood 330106109001 16 peak 16 over"), 1);
	fw_core_counters(b->core, &c);
	assert_int_equal(c.floods, 0);
	/* The next one is another. */
	assert_int_equal(count_lines(raise(b, 17, 27), "flood 330106109001 11 peak 11"), 1);
}

static void
its_peak_is_of_ten_minutes(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 20);
	bench_wait(b, 599 * SECOND);
	raise(b, 21, 25);
	bench_wait(b, 300 * SECOND);
	assert_int_equal(count_lines(raise(b, 26, 30), "flood 330106109001 30 peak 25"), 1);
}

static void
a_fire_in_it_calls_as_ever(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 200);
	assert_non_null(
	    strstr(bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE}),
		"page guardian"));
}

static void
a_long_one_is_bounded(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 3000);
	b->item_count = 0;
	assert_int_equal(count_lines(raise(b, 3001, 5000), "flood 330106109001 5000 peak 4096"), 1);
	b->item_count = 0;
}

static void
a_new_start_goes_on(void **state)
{
	struct bench *b = *state;

	for (int k = 0; k < 10; k++)
		fw_core_load_opened(b->core, "330106109001", b->now_us - 100 * SECOND);
	raise(b, 1, 1);
	assert_int_equal(count_lines(raise(b, 2, 2), "flood 330106109001 12 peak 12"), 1);
	bench_restart(b);
	for (int k = 0; k < 12; k++)
		fw_core_load_opened(b->core, "330106109001", b->now_us);
	fw_core_load_flood(b->core, &(struct fw_flood){.division = "330106109001",
					.started_at_us = b->now_us - SECOND,
					.alarms = 12,
					.peak_10min = 12});
	assert_int_equal(count_lines(raise(b, 3, 3), "flood 330106109001 13 peak 13"), 1);
	assert_int_equal(
	    count_lines(bench_wait(b, 601 * SECOND), "flood 330106109001 13 peak 13 over"), 1);
}

static void
a_clock_that_is_set_back_or_ahead_ends_it(void **state)
{
	struct bench *b = *state;

	raise(b, 1, 50);
	b->now_us -= 3600 * SECOND;
	assert_int_equal(count_lines(raise(b, 51, 51), "flood 330106109001 51 peak 51"), 1);
	raise(b, 52, 100);
	b->now_us += 7200 * SECOND;
	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FAULT});
	assert_null(strstr(bench_flush(b), "flood"));
	assert_non_null(strstr(raise(b, 101, 110), "flood 330106109001 11 peak 11"));
}

/* By time alone too, ten minutes later as ever. */
static void
a_clock_that_is_set_back_delays_nothing(void **state)
{
	struct bench *b = *state;

	assert_non_null(strstr(raise(b, 1, 11), "flood 330106109001 11 peak 11"));
	b->now_us -= 3600 * SECOND;
	assert_null(strstr(bench_wait(b, 600 * SECOND), "over"));
	assert_non_null(strstr(bench_wait(b, SECOND), "flood 330106109001 11 peak 11 over"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(more_than_ten_in_ten_minutes_begin_it),
	    TEST(eleven_in_ten_minutes_and_a_second_do_not),
	    TEST(repeats_and_other_divisions_do_not_count),
	    TEST(under_five_end_it),
	    TEST(its_peak_is_of_ten_minutes),
	    TEST(a_fire_in_it_calls_as_ever),
	    TEST(a_long_one_is_bounded),
	    TEST(a_clock_that_is_set_back_or_ahead_ends_it),
	    TEST(a_clock_that_is_set_back_delays_nothing),
	    TEST(a_new_start_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
