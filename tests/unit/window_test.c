/* SPDX-License-Identifier: Apache-2.0 */
/* Test and maintenance windows, in virtual time: who is called in one, beside one, and at its end.
 */
#include "core_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "random.h"

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

/* Of the site `home`, from noon on. */
static struct fw_window
window(const char *zone, const char *device, int64_t seconds)
{
	return (struct fw_window){.id = "w",
	    .division = "330106109001",
	    .site = "home",
	    .zone = zone,
	    .device = device,
	    .starts_at_us = NOON,
	    .ends_at_us = NOON + seconds * SECOND};
}

static void
declare(struct bench *b, const char *zone, const char *device, int64_t seconds)
{
	struct fw_window w = window(zone, device, seconds);

	bench_windows(b, &w, 1);
}

static struct say
fire(const char *device, uint64_t sequence)
{
	return (struct say){
	    .topic_device = device, .sequence = sequence, .condition = FW_CONDITION_FIRE};
}

static struct say
over(const char *device, uint64_t sequence)
{
	struct say s = fire(device, sequence);

	s.restored = true;
	return s;
}

/* The village head is paged a minute after a fire that is none of a test, and not before. */
static void
is_outside(struct bench *b)
{
	has_not(bench_wait(b, 60 * SECOND - 1), "page head");
	has(bench_wait(b, 1), "page head step 2");
}

static void
is_inside(struct bench *b)
{
	const char *trace = bench_wait(b, 590 * SECOND);

	has_not(trace, "page");
	has_not(trace, "queued");
}

/* ---------------------------------------------------------------- where and when */

static void
a_fire_in_a_window_calls_the_site_alone(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 3600);
	trace = bench_say(b, fire("smoke-1", 1));
	has(trace, "page guardian step 1");
	has(trace, "step 1.2 head queued at site");
	is_inside(b);
	trace = bench_flush(b);
	has(trace, "alarm smoke-1~1~1~0 fire x1 active");
	has(trace, "incident smoke-1~1~1 fire triggers 1 alarms 1");
}

static void
just_before_it_begins_is_outside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	b->now_us = NOON - 1;
	has(bench_say(b, fire("smoke-1", 1)), "page guardian step 1");
	is_outside(b);
}

static void
its_first_moment_is_inside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	is_inside(b);
}

static void
its_last_moment_is_inside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	b->now_us = NOON + 3600 * SECOND - 1;
	has_not(bench_say(b, fire("smoke-1", 1)), "head queued\n");
	has_not(bench_wait(b, 0), "over");
	has(bench_wait(b, 1), "window w over");
}

static void
at_its_end_is_outside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	b->now_us = NOON + 3600 * SECOND;
	bench_say(b, fire("smoke-1", 1));
	is_outside(b);
}

static void
another_zone_is_outside(void **state)
{
	struct bench *b = *state;

	declare(b, "cellar", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	is_outside(b);
}

static void
its_zone_is_inside(void **state)
{
	struct bench *b = *state;

	declare(b, "kitchen", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	is_inside(b);
}

static void
another_device_is_outside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-2", 1));
	is_outside(b);
}

static void
its_device_is_inside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-1", 1));
	is_inside(b);
}

static void
a_device_without_a_site_is_outside(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	has(bench_say(b, fire("stranger", 1)), "page head step 1");
}

static void
the_device_saying_test_is_no_window(void **state)
{
	struct bench *b = *state;
	struct say s = fire("smoke-1", 1);

	s.mode = FW_MODE_TEST;
	bench_say(b, s);
	is_outside(b);
}

/* ---------------------------------------------------------------- who */

static void
nobody_at_the_site_is_nobody(void **state)
{
	struct bench *b = *state;
	struct fw_window w = window("", "", 3600);

	w.site = "shop";
	bench_windows(b, &w, 1);
	has_not(bench_say(b, fire("panel", 1)), "page");
	is_inside(b);
}

static void
other_duties(struct fw_town *t)
{
	fw_town_add_person(t, "cook", "陈师傅", "", "", "https://example.org/c");
	assert_int_equal(
	    fw_town_add_duty(t, "330106109001", "shop", "kitchen", "cook", 0, FW_NEVER), 0);
}

/* The policy names no cook: but a fire is told to somebody there, once. */
static void
somebody_at_the_site_hears_of_a_fire(void **state)
{
	struct bench *b = bench_new_with(other_duties);
	struct fw_window w = window("", "", 3600);

	(void)state;
	w.site = "shop";
	bench_windows(b, &w, 1);
	has(bench_say(b, fire("panel", 1)), "page cook step 1");
	is_inside(b);
	bench_free(b);
}

/* The opposite. */
static void
nobody_at_the_site_is_whoever_is_near(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, fire("panel", 1)), "page head step 1");
}

static void
pages_that_fail_do_not_go_up(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	for (int k = 0; k < 3; k++) {
		bench_commit(b);
		has_not(bench_sent(b, "no answer"), "page head");
		has_not(bench_wait(b, 30 * SECOND), "page head");
	}
}

/* The opposite. */
static void
pages_that_fail_go_up(void **state)
{
	struct bench *b = *state;
	char all[8192] = "";

	bench_say(b, fire("smoke-1", 1));
	for (int k = 0; k < 3; k++) {
		bench_commit(b);
		strcat(all, bench_sent(b, "no answer"));
		bench_wait(b, 10 * SECOND);
	}
	has(all, "timeline unreached");
	has(all, "page head step 0");
}

static void
two_of_a_test_confirm_nothing(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	has_not(bench_say(b, fire("smoke-2", 1)), "confirmed");
	has_not(bench_flush(b), "confirmed");
	is_inside(b);
}

/* The opposite. */
static void
two_confirm(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b, fire("smoke-1", 1));
	trace = bench_say(b, fire("smoke-2", 1));
	has(trace, "timeline confirmed");
	has(trace, "page station step 3 force");
}

static void
a_person_who_says_it_is_real_ends_the_test(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	trace = bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE);
	has(trace, "page head step 2 force");
	has(trace, "page station step 3 force");
	/* … also for what comes then. */
	has(bench_say(b, fire("smoke-3", 1)), "page head step 2 force");
}

/* ---------------------------------------------------------------- beside what is no test */

/* Its device falls silent, and sounds again in the window that it was tested in. */
static void
a_fire_that_is_real_sounds_again_for_everybody(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 3600);
	bench_say(b, fire("smoke-1", 1));
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE);
	bench_commit(b);
	bench_sent(b, NULL);
	bench_wait(b, 660 * SECOND);
	trace = bench_say(b, fire("smoke-1", 2));
	has_not(trace, "at site");
	has(trace, "page guardian step 1");
	has(trace, "page station step 3 force");
}

static struct fw_incident *
earlier_incident(enum fw_verdict verdict, int64_t confirmed_at_us)
{
	struct fw_incident *i = fw_calloc(1, sizeof(*i));

	i->id = fw_strdup("smoke-1~1~1");
	i->key = fw_strdup("home");
	i->division = fw_strdup("330106109001");
	i->site = fw_strdup("home");
	i->device = fw_strdup("smoke-1");
	i->opened_at_us = NOON;
	i->trigger_count = i->acknowledged_trigger = 1;
	i->alarm_count = 1;
	i->class = FW_CLASS_FIRE;
	i->verdict = verdict;
	i->confirmed_at_us = confirmed_at_us;
	return i;
}

static void
load_earlier(struct bench *b, enum fw_verdict verdict, int64_t confirmed_at_us)
{
	struct fw_alarm *a = fw_calloc(1, sizeof(*a));

	declare(b, "", "", 3600);
	fw_core_load_incident(b->core, earlier_incident(verdict, confirmed_at_us));
	a->id = fw_strdup("smoke-1~1~1~0");
	a->class = FW_CLASS_FIRE;
	a->conditions = UINT64_C(1) << FW_CONDITION_FIRE;
	a->report_count = 1;
	a->observed_at_us = a->received_at_us = a->last_seen_us = NOON;
	a->raised_boot = 1;
	a->raised_sequence = 1;
	a->zone = fw_strdup("kitchen");
	a->reason = fw_strdup("");
	a->rule = fw_strdup("");
	a->data = fw_strdup("");
	a->text = fw_strdup("");
	assert_int_equal(
	    fw_core_load_alarm(b->core, a, "smoke-1", "330106109001", "smoke-1~1~1"), 0);
}

static void
a_fire_that_was_real_before_a_new_start_is_no_test(void **state)
{
	static const enum fw_verdict verdicts[] = {
	    FW_VERDICT_NONE, FW_VERDICT_REAL_FIRE, FW_VERDICT_NONE};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bench *b = bench_new();

		load_earlier(b, verdicts[k], k == 2 ? NOON : 0);
		b->now_us = NOON + 660 * SECOND;
		assert_int_equal(
		    strstr(bench_say(b, fire("smoke-1", 2)), "at site") != NULL, k == 0);
		bench_free(b);
	}
}

static void
a_fire_beside_a_test_calls_everybody(void **state)
{
	struct bench *b = *state;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-1", 1));
	bench_commit(b);
	bench_sent(b, NULL);
	bench_wait(b, 30 * SECOND);
	has(bench_say(b, fire("smoke-3", 1)), "page guardian step 1");
	/* What would have been done at the site by now is done for all. */
	has(bench_wait(b, 30 * SECOND), "page head step 2");
	has(bench_wait(b, 240 * SECOND), "page station step 3");
}

static void
a_fire_of_the_same_zone_calls_everybody(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-1", 1));
	trace = bench_say(b, fire("smoke-2", 1));
	has(trace, "page guardian step 1");
	has(trace, "timeline confirmed");
}

static void
an_answered_test_does_not_lull(void **state)
{
	struct bench *b = *state;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-1", 1));
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_TEST);
	has(bench_say(b, fire("smoke-3", 1)), "page guardian step 1");
	is_outside(b);
}

static void
a_test_beside_a_fire_takes_nothing_from_it(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-3", 1));
	bench_wait(b, 30 * SECOND);
	trace = bench_say(b, fire("smoke-1", 1));
	has(trace, "page guardian step 1");
	has_not(trace, "page head");
	has_not(bench_wait(b, 30 * SECOND - 1), "page head");
	has(bench_wait(b, 1), "page head step 2");
	has(bench_wait(b, 240 * SECOND), "page station step 3");
}

static void
a_fault_does_not_let_a_test_out(void **state)
{
	struct bench *b = *state;

	declare(b, "", "smoke-1", 3600);
	bench_say(
	    b, (struct say){
		   .topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FAULT});
	has_not(bench_say(b, fire("smoke-1", 1)), "page head");
	is_inside(b);
}

static void
a_fault_beside_a_test_calls_only_for_a_fault(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "smoke-1", 3600);
	bench_say(b, fire("smoke-1", 1));
	trace = bench_say(
	    b, (struct say){
		   .topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FAULT});
	has(trace, "page silent step 1");
	has_not(trace, "page guardian");
	has_not(bench_wait(b, 590 * SECOND), "page head");
}

/* Steps of other classes that are not due at once. */
static void
patient(struct fw_town *t)
{
	fw_town_add_policy(t, FW_CLASS_GAS, "", "", 1, 0, "guardian", "webhook");
	fw_town_add_policy(t, FW_CLASS_GAS, "", "", 2, 45 * SECOND, "mechanic", "webhook");
	fw_town_add_policy(t, FW_CLASS_FAULT, "", "", 2, 90 * SECOND, "head", "webhook");
}

static void
a_gas_alarm_goes_on_beside_a_test_of_a_higher_class(void **state)
{
	struct bench *b = bench_new_with(patient);

	(void)state;
	declare(b, "", "smoke-1", 3600);
	bench_say(b,
	    (struct say){.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_GAS});
	bench_wait(b, 20 * SECOND);
	has_not(bench_say(b, fire("smoke-1", 1)), "cancelled");
	has_not(bench_wait(b, 25 * SECOND - 1), "page");
	has(bench_wait(b, 1), "page silent step 2");
	bench_free(b);
}

/* ---------------------------------------------------------------- its end */

static void
what_is_still_raised_at_the_end_calls_anew(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	has_not(bench_wait(b, 600 * SECOND - 1), "page head");
	trace = bench_wait(b, 1);
	has(trace, "window w over");
	has(trace, "timeline window_over");
	has(trace, "timeline trigger");
	has(trace, "page guardian step 1");
	is_outside(b);
}

static void
what_was_restored_before_the_end_does_not(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	bench_wait(b, 600 * SECOND - 1);
	bench_say(b, over("smoke-1", 2));
	trace = bench_wait(b, 1);
	has(trace, "window w over");
	has_not(trace, "trigger");
	has_not(bench_wait(b, 600 * SECOND), "page");
}

static void
two_that_are_still_raised_confirm(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 200);
	bench_say(b, fire("smoke-1", 1));
	bench_say(b, fire("smoke-2", 1));
	trace = bench_wait(b, 200 * SECOND);
	has(trace, "timeline confirmed");
	has(trace, "page station step 3 force");
}

static void
ended_early_is_ended(void **state)
{
	struct bench *b = *state;
	const char *trace;
	struct fw_window w = window("", "", 600);

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	bench_wait(b, 100 * SECOND);
	w.ends_at_us = b->now_us;
	trace = bench_windows(b, &w, 1);
	has(trace, "window w over");
	has(trace, "page guardian step 1");
	is_outside(b);
}

static void
another_window_goes_on(void **state)
{
	struct bench *b = *state;
	struct fw_window w[] = {window("", "", 600), window("kitchen", "", 3600)};

	w[1].id = "other";
	bench_windows(b, w, 2);
	bench_say(b, fire("smoke-1", 1));
	has_not(bench_wait(b, 700 * SECOND), "trigger");
	has(bench_wait(b, 2900 * SECOND), "page guardian step 1");
}

static void
the_end_is_told_once(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	has(bench_wait(b, 600 * SECOND), "window w over");
	/* Its row, read again, does not know yet. */
	declare(b, "", "", 600);
	has_not(bench_wait(b, 10 * SECOND), "window");
	/* Nor is anything a test any more. */
	has(bench_say(b, fire("smoke-3", 1)), "page guardian step 1");
}

static void
a_window_that_is_gone_covers_nothing(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	has(bench_windows(b, NULL, 0), "page guardian step 1");
	is_outside(b);
}

static void
an_incident_that_was_closed_as_a_test_does_not_end_the_fire(void **state)
{
	struct bench *b = *state;
	const char *trace;

	declare(b, "", "", 600);
	bench_say(b, fire("smoke-1", 1));
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_TEST);
	trace = bench_wait(b, 600 * SECOND);
	has(trace, "timeline opened");
	has(trace, "page guardian step 1");
	has(bench_flush(b), "incident smoke-1~1~1~0~again fire triggers 1 alarms 1");
	is_outside(b);
}

static void
a_clock_that_is_set_back_does_not_end_it(void **state)
{
	struct bench *b = *state;

	declare(b, "", "", 600);
	b->now_us += 300 * SECOND;
	bench_say(b, fire("smoke-1", 1));
	b->now_us -= 200 * SECOND;
	has_not(bench_wait(b, 500 * SECOND - 1), "window");
	has(bench_wait(b, 1), "window w over");
}

/* ---------------------------------------------------------------- in any order
 *
 * Two towns live through the same, but in one of them smoke-1 is tested all the while.  Whoever is
 * paged beyond the site in the one without the test is paged in the other one, and not later.
 */

#define RUNS 200
#define STEPS 60

static const char *const beyond[] = {"page head", "page station", "page silent", "page guardian"};
#define BEYOND (sizeof(beyond) / sizeof(beyond[0]))

struct pair {
	struct bench *plain, *tested;
	int64_t first[2][BEYOND]; /* page since the last answer; 0: none */
	uint64_t sequence;
};

static void
note_pages(struct pair *p, int which, const char *trace, int64_t now_us)
{
	for (size_t k = 0; k < BEYOND; k++)
		if (!p->first[which][k] && strstr(trace, beyond[k]))
			p->first[which][k] = now_us;
}

static void
both_say(struct pair *p, struct say what)
{
	note_pages(p, 0, bench_say(p->plain, what), p->plain->now_us);
	note_pages(p, 1, bench_say(p->tested, what), p->tested->now_us);
}

/* Second by second, so that each page has its time. */
static void
both_wait(struct pair *p, uint64_t seconds)
{
	for (uint64_t k = 0; k < seconds; k++) {
		note_pages(p, 0, bench_wait(p->plain, SECOND), p->plain->now_us);
		note_pages(p, 1, bench_wait(p->tested, SECOND), p->tested->now_us);
	}
}

static void
answer_all(struct bench *b)
{
	char trace[sizeof(b->trace)], incident[64];
	unsigned triggers;

	snprintf(trace, sizeof(trace), "%s", bench_flush(b));
	for (const char *at = trace; (at = strstr(at, "incident smoke-")); at++)
		if (sscanf(at, "incident %63s %*s triggers %u", incident, &triggers) == 2)
			bench_act(b, incident, triggers, 0, FW_VERDICT_NONE);
}

static void
check_pair(const struct pair *p, int step)
{
	for (size_t k = 0; k < BEYOND; k++)
		if (p->first[0][k] && !(p->first[1][k] && p->first[1][k] <= p->first[0][k]))
			fail_msg("step %d: %s at %" PRId64 " s, beside a test at %" PRId64 " s",
			    step, beyond[k], (p->first[0][k] - NOON) / SECOND,
			    p->first[1][k] ? (p->first[1][k] - NOON) / SECOND : -1);
}

/* What is no test: the other devices, and time. */
static void
live(struct pair *p)
{
	static const char *const devices[] = {"smoke-2", "smoke-3"};
	static const uint32_t conditions[] = {
	    FW_CONDITION_FIRE, FW_CONDITION_FIRE, FW_CONDITION_FAULT, FW_CONDITION_GAS};

	if (random_below(3) == 0)
		both_wait(p, random_below(90));
	both_say(p, (struct say){.topic_device = devices[random_below(2)],
			.sequence = ++p->sequence,
			.condition = conditions[random_below(4)],
			.restored = random_below(3) == 0});
}

static void
test_it(struct pair *p)
{
	note_pages(p, 1,
	    bench_say(p->tested,
		(struct say){.topic_device = "smoke-1",
		    .sequence = ++p->sequence,
		    .condition = random_below(2) ? FW_CONDITION_FIRE : FW_CONDITION_FAULT,
		    .restored = random_below(2) == 0}),
	    p->tested->now_us);
}

static void
a_test_takes_nothing_from_anybody(void **state)
{
	(void)state;
	random_begin("window_test");
	for (int run = 0; run < RUNS; run++) {
		struct pair p = {
		    .plain = bench_new_with(patient), .tested = bench_new_with(patient)};

		declare(p.tested, "", "smoke-1", 7 * 86400);
		for (int step = 0; step < STEPS; step++) {
			switch (random_below(8)) {
			case 0:
				answer_all(p.plain);
				answer_all(p.tested);
				memset(p.first, 0, sizeof(p.first));
				break;
			case 1:
			case 2:
			case 3:
				test_it(&p);
				break;
			default:
				live(&p);
				break;
			}
			bench_commit(p.plain);
			bench_commit(p.tested);
			bench_sent(p.plain, NULL);
			bench_sent(p.tested, NULL);
			check_pair(&p, run * STEPS + step);
		}
		bench_free(p.plain);
		bench_free(p.tested);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(a_fire_in_a_window_calls_the_site_alone),
	    test(just_before_it_begins_is_outside),
	    test(its_first_moment_is_inside),
	    test(its_last_moment_is_inside),
	    test(at_its_end_is_outside),
	    test(another_zone_is_outside),
	    test(its_zone_is_inside),
	    test(another_device_is_outside),
	    test(its_device_is_inside),
	    test(a_device_without_a_site_is_outside),
	    test(the_device_saying_test_is_no_window),
	    test(nobody_at_the_site_is_nobody),
	    cmocka_unit_test(somebody_at_the_site_hears_of_a_fire),
	    test(nobody_at_the_site_is_whoever_is_near),
	    test(pages_that_fail_do_not_go_up),
	    test(pages_that_fail_go_up),
	    test(two_of_a_test_confirm_nothing),
	    test(two_confirm),
	    test(a_person_who_says_it_is_real_ends_the_test),
	    test(a_fire_that_is_real_sounds_again_for_everybody),
	    cmocka_unit_test(a_fire_that_was_real_before_a_new_start_is_no_test),
	    test(a_fire_beside_a_test_calls_everybody),
	    test(a_fire_of_the_same_zone_calls_everybody),
	    test(an_answered_test_does_not_lull),
	    test(a_test_beside_a_fire_takes_nothing_from_it),
	    test(a_fault_does_not_let_a_test_out),
	    test(a_fault_beside_a_test_calls_only_for_a_fault),
	    cmocka_unit_test(a_gas_alarm_goes_on_beside_a_test_of_a_higher_class),
	    test(what_is_still_raised_at_the_end_calls_anew),
	    test(what_was_restored_before_the_end_does_not),
	    test(two_that_are_still_raised_confirm),
	    test(ended_early_is_ended),
	    test(another_window_goes_on),
	    test(the_end_is_told_once),
	    test(a_window_that_is_gone_covers_nothing),
	    test(an_incident_that_was_closed_as_a_test_does_not_end_the_fire),
	    test(a_clock_that_is_set_back_does_not_end_it),
	    cmocka_unit_test(a_test_takes_nothing_from_anybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
