/* SPDX-License-Identifier: Apache-2.0 */
/* What a device's reports give away beside what they say: each fault with its opposite. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))
#define LOST_MS 86400000 /* of a clock that began anew in 1970 */

/* One that is not supervised itself. */
static void
rules(struct fw_town *t)
{
	fw_town_add_device(t, "sensor", "", "shop", "", "water_sensor", "", 0);
}

static int
setup(void **state)
{
	struct bench *b = *state = bench_new_with(rules);

	fw_core_listening(b->core, true, b->now_us);
	return 0;
}

static int
teardown(void **state)
{
	bench_free(*state);
	return 0;
}

static const char *
say(struct bench *b, struct say what)
{
	what.topic_device = "sensor";
	what.telemetry = true;
	bench_say(b, what);
	return bench_flush(b);
}

static const struct fw_alarm *
fault(struct bench *b)
{
	return fw_alarm_raised(
	    b->core, fw_core_device(b->core, "sensor", "330106109001"), 0, FW_CLASS_FAULT);
}

/* ---------------------------------------------------------------- began anew */

static void
a_new_boot_without_a_reason(void **state)
{
	struct bench *b = *state;

	has_not(say(b, (struct say){.boot = 7, .sequence = 1}), "alarm");
	bench_hear(b, FW_MIN);
	has(say(b, (struct say){.boot = 8, .sequence = 1}),
	    "alarm sensor~reboot~8 fault x1 active");
	assert_string_equal(fault(b)->data, "boot 8 behind boot 7");
	has_not(say(b, (struct say){.boot = 8, .sequence = 2}), "alarm");
	has(say(b, (struct say){.boot = 9, .sequence = 1}),
	    "alarm sensor~reboot~8 fault x2 active");
}

static void
a_boot_is_explained_by(struct bench *b, uint32_t condition)
{
	say(b, (struct say){.boot = 1, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 1, .condition = condition});
	assert_true(!fault(b));
}

static void
a_new_boot_that_says_why(void **state)
{
	a_boot_is_explained_by(*state, FW_CONDITION_RESET);
	say(*state, (struct say){.boot = 2, .sequence = 2, .condition = FW_CONDITION_FAULT});
	assert_false(fw_alarm_held_by(fault(*state), FW_FINDING_REBOOT));
	bench_hear(*state, 60 * FW_MIN);
	say(*state, (struct say){.boot = 3, .sequence = 1, .mode = FW_MODE_MAINTENANCE});
	assert_false(fw_alarm_held_by(fault(*state), FW_FINDING_REBOOT));
	bench_hear(*state, 60 * FW_MIN);
	say(*state, (struct say){.boot = 4, .sequence = 1, .condition = FW_CONDITION_FAULT});
	assert_true(fw_alarm_held_by(fault(*state), FW_FINDING_REBOOT));
}

static void
a_reason_holds_for_five_minutes(void **state)
{
	struct bench *b = *state;

	b->now_us = (b->now_us / FW_MIN + 1) * FW_MIN;
	say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_SELF_TEST});
	say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_SELF_TEST, .restored = true});
	bench_hear(b, 5 * FW_MIN);
	say(b, (struct say){.boot = 2, .sequence = 1});
	assert_true(!fault(b));
	bench_hear(b, FW_MIN);
	say(b, (struct say){.boot = 3, .sequence = 1});
	assert_false(!fault(b));
}

/* As long as the mains are away, the device may come and go. */
static void
lost_mains_are_a_reason_while_they_last(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_MAINS_LOST});
	bench_hear(b, FW_DAY);
	say(b, (struct say){.boot = 2, .sequence = 1});
	assert_true(!fault(b));
}

static void
an_old_boot_is_nothing_new(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.boot = 5, .sequence = 1});
	say(b, (struct say){.boot = 4, .sequence = 9, .backfill = true});
	say(b, (struct say){.boot = 3, .sequence = 9, .observed_ms = (NOON - FW_DAY) / FW_MS});
	say(b, (struct say){.boot = 5, .sequence = 2});
	say(b, (struct say){.boot = 3, .sequence = 10});
	assert_true(!fault(b));
}

/* The first boots after a new start of the centre are known. */
static void
a_new_start_finds_no_boots_new(void **state)
{
	struct bench *b = *state;

	fw_core_load_boot(b->core, "sensor", "330106109001", 1, 10, NULL, 0);
	fw_core_load_boot(b->core, "sensor", "330106109001", 2, 20, NULL, 0);
	say(b, (struct say){.boot = 1, .sequence = 11});
	say(b, (struct say){.boot = 2, .sequence = 21});
	assert_true(!fault(b));
	say(b, (struct say){.boot = 3, .sequence = 1});
	assert_false(!fault(b));
}

static void
a_reboot_is_over_after_a_quiet_day(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.boot = 1, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 1});
	bench_hear(b, FW_DAY - SECOND);
	say(b, (struct say){.boot = 3, .sequence = 1});
	bench_hear(b, FW_DAY - SECOND);
	assert_false(!fault(b));
	bench_hear(b, SECOND);
	has(bench_flush(b), "alarm sensor~reboot~2 fault x2 restored");
}

/* ---------------------------------------------------------------- missing */

static void
what_is_missing_for_ten_minutes(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 1});
	say(b, (struct say){.sequence = 5});
	bench_hear(b, 10 * FW_MIN - SECOND);
	assert_true(!fault(b));
	bench_hear(b, SECOND);
	has(bench_flush(b), "alarm sensor~gaps~1~2 fault x1 active");
	assert_string_equal(fault(b)->data, "3 missing for more than 10 min, first 2 of boot 1");
	say(b, (struct say){.sequence = 2, .backfill = true});
	say(b, (struct say){.sequence = 4, .backfill = true});
	assert_false(!fault(b));
	has(say(b, (struct say){.sequence = 3, .backfill = true}),
	    "alarm sensor~gaps~1~2 fault x1 restored");
	bench_hear(b, 2 * FW_DAY);
	has_not(bench_flush(b), "alarm sensor");
}

static void
what_comes_in_time_is_not_missing(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 1});
	say(b, (struct say){.sequence = 3});
	bench_hear(b, 9 * FW_MIN);
	say(b, (struct say){.sequence = 2, .backfill = true});
	bench_hear(b, FW_DAY);
	assert_true(!fault(b));
}

/* What was before the first report that ever came is nobody's fault. */
static void
the_beginning_of_a_boot_is_not_missing(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 500});
	bench_hear(b, FW_DAY);
	say(b, (struct say){.sequence = 250});
	bench_hear(b, FW_DAY);
	assert_true(!fault(b));
	say(b, (struct say){.sequence = 502});
	bench_hear(b, FW_DAY);
	has(bench_flush(b), "alarm sensor~gaps~1~501 fault x1 active");
}

static void
what_has_not_come_after_a_day_will_not(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 1});
	say(b, (struct say){.sequence = 3});
	bench_hear(b, FW_DAY + 10 * FW_MIN - SECOND);
	assert_false(!fault(b));
	bench_hear(b, SECOND);
	assert_true(!fault(b));
	say(b, (struct say){.sequence = 4});
	bench_hear(b, FW_DAY);
	assert_true(!fault(b));
}

/* What was missing before is missing still, but that is over: the new alarm is another one, and of
 * what is missing now. */
static void
what_is_missing_later_is_another_alarm(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.sequence = 1});
	say(b, (struct say){.sequence = 3});
	bench_hear(b, 11 * FW_MIN);
	has(bench_flush(b), "alarm sensor~gaps~1~2 fault x1 active");
	bench_hear(b, FW_DAY);
	has(bench_flush(b), "alarm sensor~gaps~1~2 fault x1 restored");
	bench_act(b, "sensor~gaps~1~2", 1, 1, FW_VERDICT_UNKNOWN);
	bench_flush(b);
	say(b, (struct say){.sequence = 4});
	say(b, (struct say){.sequence = 900});
	bench_hear(b, 11 * FW_MIN);
	has(bench_flush(b), "alarm sensor~gaps~1~5 fault x1 active");
	assert_string_equal(fault(b)->data, "895 missing for more than 10 min, first 5 of boot 1");
}

/* A ledger that is read again tells the same: of a gap of today, not of one of last week. */
static void
a_new_start_finds_the_same_gaps(void **state)
{
	struct bench *b = *state;
	struct fw_gap gap = {.first = 2, .last = 3, .opened_at_us = NOON - 5 * FW_MIN};

	fw_core_load_boot(b->core, "sensor", "330106109001", 1, 9, &gap, 1);
	gap.opened_at_us = NOON - 7 * FW_DAY;
	fw_core_load_boot(b->core, "smoke-2", "330106109001", 1, 9, &gap, 1);
	bench_hear(b, 5 * FW_MIN - SECOND);
	has_not(bench_flush(b), "alarm sensor");
	bench_hear(b, SECOND);
	has(bench_flush(b), "alarm sensor~gaps~1~2 fault x1 active");
	bench_hear(b, FW_MIN);
	has_not(bench_flush(b), "smoke-2");
}

/* … also one that its ledger does not know yet, but a report that was recorded behind it. */
static void
a_new_start_finds_the_gap_before_a_report(void **state)
{
	struct bench *b = *state;

	fw_core_load_boot(b->core, "sensor", "330106109001", 1, 5, NULL, 0);
	fw_core_load_report(b->core, "sensor", "330106109001", 1, 7, NOON);
	bench_hear(b, 5 * SECOND);
	say(b, (struct say){.sequence = 8});
	bench_hear(b, 10 * FW_MIN);
	has(bench_flush(b), "alarm sensor~gaps~1~6 fault x1 active");
}

/* ---------------------------------------------------------------- its clock */

static void
three_times_in_a_row(void **state)
{
	struct bench *b = *state;

	for (uint64_t n = 1; n < 3; n++)
		say(b, (struct say){.sequence = n, .observed_ms = LOST_MS});
	assert_true(!fault(b));
	has(say(b, (struct say){.sequence = 3, .observed_ms = LOST_MS}),
	    "alarm sensor~clock~1~3 fault x1 active");
	assert_non_null(strstr(fault(b)->data, "it said 1970-01-02T00:00:00"));
	has_not(say(b, (struct say){.sequence = 4, .observed_ms = LOST_MS}), "alarm");
	has_not(say(b, (struct say){.sequence = 5}), "alarm"); /* without a time */
	has(say(b, (struct say){.sequence = 6, .observed_ms = NOON / FW_MS}),
	    "alarm sensor~clock~1~3 fault x1 restored");
}

static void
a_believed_one_begins_the_count_anew(void **state)
{
	struct bench *b = *state;

	for (uint64_t n = 1; n < 20; n++)
		say(b, (struct say){.sequence = n, .observed_ms = n % 3 ? LOST_MS : NOON / FW_MS});
	assert_true(!fault(b));
}

static void
what_was_stored_says_nothing_of_the_clock_now(void **state)
{
	struct bench *b = *state;

	for (uint64_t n = 1; n < 20; n++)
		say(b, (struct say){.sequence = n, .observed_ms = LOST_MS, .backfill = n % 3 != 0});
	assert_false(!fault(b)); /* live ones were 3, 6 and 9 */
	assert_string_equal(fault(b)->id, "sensor~clock~1~9");
}

/* ---------------------------------------------------------------- together */

/* One alarm of the point and class; it ends with the last that holds it. */
static void
several_faults_are_one_alarm(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.boot = 1, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 2, .condition = FW_CONDITION_FAULT});
	bench_hear(b, 2 * FW_DAY);
	assert_false(!fault(b));
	has(say(b,
		(struct say){
		    .boot = 2, .sequence = 3, .condition = FW_CONDITION_FAULT, .restored = true}),
	    "alarm sensor~reboot~2 fault x2 restored");
}

/* What the device resets is what it had said itself. */
/* A finding is no report: the last one that raised the alarm stays so, also for a new start. */
static void
a_finding_keeps_the_report_that_raised_the_alarm(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.boot = 3, .sequence = 1});
	say(b, (struct say){.boot = 3, .sequence = 50, .condition = FW_CONDITION_FAULT});
	bench_hear(b, 11 * FW_MIN);
	assert_true(fw_alarm_held_by(fault(b), FW_FINDING_GAPS));
	assert_int_equal(fault(b)->raised_boot, 3);
	assert_int_equal(fault(b)->raised_sequence, 50);
}

static void
a_reset_does_not_end_what_the_centre_found(void **state)
{
	struct bench *b = *state;

	say(b, (struct say){.boot = 1, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 1});
	say(b, (struct say){.boot = 2, .sequence = 2, .condition = FW_CONDITION_RESET});
	assert_false(!fault(b));
}

#define in_town(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    in_town(a_new_boot_without_a_reason),
	    in_town(a_new_boot_that_says_why),
	    in_town(a_reason_holds_for_five_minutes),
	    in_town(lost_mains_are_a_reason_while_they_last),
	    in_town(an_old_boot_is_nothing_new),
	    in_town(a_new_start_finds_no_boots_new),
	    in_town(a_reboot_is_over_after_a_quiet_day),
	    in_town(what_is_missing_for_ten_minutes),
	    in_town(what_comes_in_time_is_not_missing),
	    in_town(the_beginning_of_a_boot_is_not_missing),
	    in_town(what_has_not_come_after_a_day_will_not),
	    in_town(what_is_missing_later_is_another_alarm),
	    in_town(a_new_start_finds_the_same_gaps),
	    in_town(a_new_start_finds_the_gap_before_a_report),
	    in_town(three_times_in_a_row),
	    in_town(a_believed_one_begins_the_count_anew),
	    in_town(what_was_stored_says_nothing_of_the_clock_now),
	    in_town(several_faults_are_one_alarm),
	    in_town(a_finding_keeps_the_report_that_raised_the_alarm),
	    in_town(a_reset_does_not_end_what_the_centre_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
