/* SPDX-License-Identifier: Apache-2.0 */
/* The same alarm over and over: when it is one, when it is over, and that a fire calls all the
 * same. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct seen {
	uint32_t sequence;
	size_t lines, faults;
	struct {
		char id[FW_ID_MAX];
		uint32_t reports;
		int64_t restored_at_us;
		enum fw_class class;
		char data[64];
		uint32_t boot, last_boot;
		uint64_t sequence, last_sequence;
		int64_t received_at_us, last_seen_us;
		uint64_t conditions;
	} rows[16];
	size_t row_count;
};

static void
see(const struct fw_action *action, void *context)
{
	struct seen *s = context;
	const struct fw_alarm *a = action->u.alarm;
	size_t k = 0;

	s->lines += action->type == FW_ACT_TIMELINE;
	if (action->type != FW_ACT_ALARM)
		return;
	while (k < s->row_count && strcmp(s->rows[k].id, a->id) != 0)
		k++;
	assert_true(k < sizeof(s->rows) / sizeof(s->rows[0]));
	s->row_count += k == s->row_count;
	snprintf(s->rows[k].id, sizeof(s->rows[k].id), "%s", a->id);
	snprintf(s->rows[k].data, sizeof(s->rows[k].data), "%s", a->data);
	s->rows[k].reports = a->report_count;
	s->rows[k].restored_at_us = a->restored_at_us;
	s->rows[k].class = a->class;
	s->rows[k].boot = a->restored_boot;
	s->rows[k].sequence = a->restored_sequence;
	s->rows[k].last_boot = a->raised_boot;
	s->rows[k].last_sequence = a->raised_sequence;
	s->rows[k].received_at_us = a->received_at_us;
	s->rows[k].last_seen_us = a->last_seen_us;
	s->rows[k].conditions = a->conditions;
}

static int
set_up(void **state)
{
	struct bench *b = bench_new();

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

static const char *
say(struct bench *b, uint32_t condition, bool restored)
{
	struct seen *s = b->context;

	return bench_say(b,
	    (struct say){.sequence = ++s->sequence, .condition = condition, .restored = restored});
}

/* Raised, and restored a second later; then the rest of the time. */
static void
blink(struct bench *b, uint32_t condition, int64_t every_us)
{
	say(b, condition, false);
	bench_wait(b, SECOND);
	say(b, condition, true);
	bench_wait(b, every_us - SECOND);
	bench_flush(b);
}

static size_t
rows_of(struct bench *b, enum fw_class class)
{
	const struct seen *s = b->context;
	size_t n = 0;

	bench_flush(b);
	for (size_t k = 0; k < s->row_count; k++)
		n += s->rows[k].class == class;
	return n;
}

/* That was opened last. */
static size_t
last_row(struct bench *b, enum fw_class class)
{
	const struct seen *s = b->context;
	size_t last = SIZE_MAX;

	bench_flush(b);
	for (size_t k = 0; k < s->row_count; k++)
		if (s->rows[k].class == class &&
		    (last == SIZE_MAX || s->rows[k].received_at_us > s->rows[last].received_at_us))
			last = k;
	assert_true(last != SIZE_MAX);
	return last;
}

static void
three_times_a_minute_is_one_alarm_from_then_on(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	size_t row, fault;

	blink(b, FW_CONDITION_TAMPER, 30 * SECOND);
	blink(b, FW_CONDITION_TAMPER, 30 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 0);
	blink(b, FW_CONDITION_TAMPER, 5 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 1);
	for (int k = 0; k < 9; k++)
		blink(b, FW_CONDITION_TAMPER, 5 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 3);
	row = last_row(b, FW_CLASS_TAMPER);
	fault = last_row(b, FW_CLASS_FAULT);
	assert_int_equal(s->rows[row].reports, 10);
	assert_int_equal(s->rows[row].restored_at_us, 0);
	assert_string_equal(s->rows[fault].id, "smoke-1~1~5~0~chatter~tamper");
	assert_string_equal(s->rows[fault].data, "tamper 9 times in 60 s (12 in all)");
}

static void
three_times_in_61_seconds_are_three_alarms(void **state)
{
	struct bench *b = *state;

	blink(b, FW_CONDITION_TAMPER, 30 * SECOND);
	blink(b, FW_CONDITION_TAMPER, 31 * SECOND);
	blink(b, FW_CONDITION_TAMPER, 5 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 3);
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 0);
	/* … and a fourth is again the third of a minute. */
	blink(b, FW_CONDITION_TAMPER, 5 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 1);
}

static void
points_and_classes_do_not_chatter_together(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;

	blink(b, FW_CONDITION_TAMPER, 2 * SECOND);
	blink(b, FW_CONDITION_TAMPER, 2 * SECOND);
	blink(b, FW_CONDITION_MAINS_LOST, 2 * SECOND);
	bench_say(b,
	    (struct say){.sequence = ++s->sequence, .condition = FW_CONDITION_TAMPER, .point = 2});
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 0);
}

static void
a_repeat_is_no_raise_and_a_reset_no_restore(void **state)
{
	struct bench *b = *state;

	for (int k = 0; k < 5; k++)
		say(b, FW_CONDITION_TAMPER, false);
	for (int k = 0; k < 5; k++) {
		say(b, FW_CONDITION_RESET, false);
		say(b, FW_CONDITION_TAMPER, false);
	}
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 0);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 6);
}

static void
its_restore_counts_after_a_quiet_minute_and_the_fault_ends_after_ten(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	size_t row, fault;
	int64_t last_us;

	blink(b, FW_CONDITION_TAMPER, 10 * SECOND);
	blink(b, FW_CONDITION_TAMPER, 10 * SECOND);
	say(b, FW_CONDITION_TAMPER, false);
	bench_wait(b, SECOND);
	say(b, FW_CONDITION_TAMPER, true);
	last_us = b->now_us;
	row = last_row(b, FW_CLASS_TAMPER);
	fault = last_row(b, FW_CLASS_FAULT);
	bench_wait(b, 60 * SECOND - 1);
	bench_flush(b);
	assert_int_equal(s->rows[row].restored_at_us, 0);
	bench_wait(b, 1);
	bench_flush(b);
	assert_int_equal(s->rows[row].restored_at_us, last_us);
	assert_int_equal(s->rows[fault].restored_at_us, 0);
	bench_wait(b, 540 * SECOND - 1);
	bench_flush(b);
	assert_int_equal(s->rows[fault].restored_at_us, 0);
	bench_wait(b, 1);
	bench_flush(b);
	assert_int_equal(s->rows[fault].restored_at_us, last_us + 600 * SECOND);
	/* Then all is as it was before. */
	blink(b, FW_CONDITION_TAMPER, 2 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 4);
	assert_int_not_equal(s->rows[last_row(b, FW_CLASS_TAMPER)].restored_at_us, 0);
	assert_int_equal(rows_of(b, FW_CLASS_FAULT), 1);
}

/* A journal read again brings in one moment what came in ten minutes. */
static void
without_a_tick_in_between_it_is_the_same(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	size_t row;

	for (int k = 0; k < 3; k++) {
		say(b, FW_CONDITION_TAMPER, false);
		b->now_us += SECOND;
		say(b, FW_CONDITION_TAMPER, true);
		b->now_us += SECOND;
	}
	row = last_row(b, FW_CLASS_TAMPER);
	assert_int_equal(s->rows[row].restored_at_us, 0);
	b->now_us += 60 * SECOND;
	say(b, FW_CONDITION_TAMPER, false);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 4);
	assert_int_equal(s->rows[row].restored_at_us, b->now_us - 61 * SECOND);
}

static void
the_timeline_has_a_line_for_its_begin_and_its_end(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	size_t before;

	for (int k = 0; k < 3; k++)
		blink(b, FW_CONDITION_TAMPER, 4 * SECOND);
	before = s->lines;
	for (int k = 0; k < 50; k++)
		blink(b, FW_CONDITION_TAMPER, 4 * SECOND);
	assert_int_equal(s->lines, before);
	bench_wait(b, 700 * SECOND);
	assert_int_equal(s->lines, before + 2); /* the alarm is restored, the fault is */
}

static void
a_fire_that_chatters_is_raised_and_calls_again_when_it_was_answered(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	const char *trace;
	size_t row;

	trace = say(b, FW_CONDITION_FIRE, false);
	assert_non_null(strstr(trace, "page guardian"));
	bench_commit(b);
	for (int k = 0; k < 3; k++) {
		bench_wait(b, SECOND);
		say(b, FW_CONDITION_FIRE, true);
		bench_wait(b, SECOND);
		say(b, FW_CONDITION_FIRE, false);
	}
	row = last_row(b, FW_CLASS_FIRE);
	assert_int_equal(rows_of(b, FW_CLASS_FIRE), 3);
	assert_int_equal(s->rows[row].restored_at_us, 0);
	say(b, FW_CONDITION_FIRE, true);
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE);
	bench_wait(b, SECOND);
	trace = say(b, FW_CONDITION_FIRE, false);
	assert_int_equal(count_lines(trace, "timeline trigger"), 1);
	assert_non_null(strstr(trace, "page guardian"));
	/* While people are being called it does not call anew. */
	say(b, FW_CONDITION_FIRE, true);
	trace = say(b, FW_CONDITION_FIRE, false);
	assert_int_equal(count_lines(trace, "timeline trigger"), 0);
	assert_int_equal(rows_of(b, FW_CLASS_FIRE), 3);
}

/* The row tells what was held back, and a new start goes on with it. */
/* Nobody has answered, and nobody is being called any more: it calls again, but not each time. */
static void
a_fire_that_comes_and_goes_calls_again_after_ten_minutes(void **state)
{
	struct bench *b = *state;
	unsigned calls = 0;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_commit(b);
	bench_sent(b, NULL);
	bench_wait(b, 301 * SECOND);
	bench_commit(b);
	bench_sent(b, NULL);
	for (uint64_t n = 2; n < 32; n += 2) {
		bench_say(b,
		    (struct say){.sequence = n, .condition = FW_CONDITION_FIRE, .restored = true});
		bench_wait(b, 240 * SECOND);
		calls += strstr(bench_say(b, (struct say){.sequence = n + 1,
						 .condition = FW_CONDITION_FIRE}),
			     "page guardian") != NULL;
		bench_commit(b);
		bench_sent(b, NULL);
	}
	/* Within an hour; each time the plan takes five minutes. */
	assert_int_equal(calls, 5);
}

static void
a_new_start_goes_on(void **state)
{
	struct bench *b = *state;
	struct seen *s = b->context;
	struct fw_incident *i = fw_calloc(1, sizeof(*i));
	size_t row, fault;

	for (int k = 0; k < 4; k++)
		blink(b, FW_CONDITION_TAMPER, 2 * SECOND);
	row = last_row(b, FW_CLASS_TAMPER);
	fault = last_row(b, FW_CLASS_FAULT);
	bench_restart(b);
	i->id = fw_strdup("smoke-1~1~1");
	i->key = fw_strdup("home");
	i->division = fw_strdup("330106109001");
	i->site = fw_strdup("home");
	i->device = fw_strdup("smoke-1");
	i->class = FW_CLASS_FAULT;
	i->trigger_count = 2;
	fw_core_load_incident(b->core, i);
	for (int n = 0; n < 2; n++) {
		struct fw_alarm *a = fw_calloc(1, sizeof(*a));
		size_t k = n ? fault : row;

		a->id = fw_strdup(s->rows[k].id);
		a->class = s->rows[k].class;
		a->conditions = s->rows[k].conditions;
		a->received_at_us = s->rows[k].received_at_us;
		a->last_seen_us = s->rows[k].last_seen_us;
		a->report_count = s->rows[k].reports;
		a->raised_boot = s->rows[k].last_boot;
		a->raised_sequence = s->rows[k].last_sequence;
		a->restored_boot = s->rows[k].boot;
		a->restored_sequence = s->rows[k].sequence;
		a->data = fw_strdup(s->rows[k].data);
		a->zone = fw_strdup("kitchen");
		a->reason = fw_strdup("");
		a->rule = fw_strdup("");
		a->text = fw_strdup("");
		assert_int_equal(
		    fw_core_load_alarm(b->core, a, "smoke-1", "330106109001", "smoke-1~1~1"),
		    FW_OK);
	}
	blink(b, FW_CONDITION_TAMPER, 2 * SECOND);
	assert_int_equal(rows_of(b, FW_CLASS_TAMPER), 3);
	assert_int_equal(s->rows[row].reports, 3);
	assert_string_equal(s->rows[fault].data, "tamper 4 times in 60 s (5 in all)");
	bench_wait(b, 60 * SECOND);
	bench_flush(b);
	assert_int_not_equal(s->rows[row].restored_at_us, 0);
	assert_int_equal(s->rows[fault].restored_at_us, 0);
	bench_wait(b, 600 * SECOND);
	bench_flush(b);
	assert_int_not_equal(s->rows[fault].restored_at_us, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(three_times_a_minute_is_one_alarm_from_then_on),
	    TEST(three_times_in_61_seconds_are_three_alarms),
	    TEST(points_and_classes_do_not_chatter_together),
	    TEST(a_repeat_is_no_raise_and_a_reset_no_restore),
	    TEST(its_restore_counts_after_a_quiet_minute_and_the_fault_ends_after_ten),
	    TEST(without_a_tick_in_between_it_is_the_same),
	    TEST(the_timeline_has_a_line_for_its_begin_and_its_end),
	    TEST(a_fire_that_chatters_is_raised_and_calls_again_when_it_was_answered),
	    TEST(a_fire_that_comes_and_goes_calls_again_after_ten_minutes),
	    TEST(a_new_start_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
