/* SPDX-License-Identifier: Apache-2.0 */
/* When a device is offline, and when it is only that nobody listened. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"

#define HOUR (3600 * SECOND)
#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))

/* The town: smoke-1 to smoke-3 with a heartbeat a day, panel, gateway and its child with one a
 * minute; three may be missed.  A level that halves the time is raised for the villages later. */
#define LEVEL_BEGINS (NOON + 30 * HOUR)
#define LEVEL_ENDS (NOON + 40 * HOUR)

static void
rules(struct fw_town *t)
{
	fw_rulebook_set_level(fw_town_rulebook(t), FW_LEVEL_ELEVATED,
	    &(struct fw_level){.timeout_percent = 50, .extra_role = ""});
	assert_int_equal(
	    fw_town_add_protection(t, "330106", FW_LEVEL_ELEVATED, LEVEL_BEGINS, LEVEL_ENDS), 0);
	fw_town_add_device(t, "mute", "", "shop", "", "water_sensor", "", 0);
	fw_town_add_division(t, "330106110", "330106", "留下街道", "town");
	assert_int_equal(
	    fw_town_add_site(t, "far", "远店", "330106110", "small_shop", "normal", "", ""), 0);
	fw_town_add_device(t, "far-panel", "", "far", "", "fire_panel_transmitter", "", 86400);
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

static void
speak(struct bench *b, const char *device, uint64_t sequence)
{
	bench_say(b, (struct say){.topic_device = device, .sequence = sequence, .telemetry = true});
}

static const char *
line(const char *device, int64_t since_us, const char *state)
{
	static char text[128];

	snprintf(text, sizeof(text), "alarm %s~offline~%lld offline x1 %s", device,
	    (long long)since_us, state);
	return text;
}

static bool
is_offline(struct bench *b, const char *device)
{
	struct fw_device *d = fw_core_device(b->core, device, "330106109001");

	return fw_alarm_raised(b->core, d, 0, FW_CLASS_OFFLINE) != NULL;
}

static const struct fw_alarm *
alarm_of(struct bench *b, const char *device)
{
	struct fw_device *d = fw_core_device(b->core, device, "330106109001");

	return fw_alarm_raised(b->core, d, 0, FW_CLASS_OFFLINE);
}

static void
offline_after_the_heartbeats_it_may_miss(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON, "active"));
	assert_string_equal(
	    alarm_of(b, "panel")->data, "not heard of for 3 min; heartbeat 1 min, 3 may be missed");
	assert_int_equal(alarm_of(b, "panel")->observed_at_us, NOON);
	assert_int_equal(alarm_of(b, "panel")->received_at_us, NOON + 180 * SECOND);
	bench_hear(b, HOUR);
	has_not(bench_flush(b), "panel~");
}

static void
counted_from_its_last_message(void **state)
{
	struct bench *b = *state;

	for (uint64_t n = 1; n <= 10; n++) {
		speak(b, "panel", n);
		bench_hear(b, 179 * SECOND);
	}
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON + 9 * 179 * SECOND, "active"));
}

static void
one_that_never_spoke(void **state)
{
	struct bench *b = *state;

	bench_hear(b, 179 * SECOND);
	has_not(bench_flush(b), "offline");
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON, "active"));
	assert_non_null(strstr(alarm_of(b, "panel")->data, "never heard of, known for 3 min"));
}

static void
nobody_waits_for_a_stranger_or_one_without_a_heartbeat(void **state)
{
	struct bench *b = *state;

	speak(b, "stranger", 1);
	speak(b, "mute", 1);
	bench_hear(b, 200 * HOUR);
	assert_true(is_offline(b, "smoke-1"));
	assert_false(is_offline(b, "stranger"));
	assert_false(is_offline(b, "mute"));
}

/* ---------------------------------------------------------------- back */

static void
back_with_its_next_message(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 200 * SECOND);
	bench_flush(b);
	assert_true(is_offline(b, "panel"));
	has(bench_say(b, (struct say){.topic_device = "panel", .sequence = 2, .telemetry = true}),
	    "timeline restored");
	has(bench_flush(b), line("panel", NOON, "restored"));
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON + 200 * SECOND, "active"));
}

static void
a_duplicate_is_no_sign_of_life_and_what_was_stored_is(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 5);
	bench_hear(b, 200 * SECOND);
	speak(b, "panel", 5);
	assert_true(is_offline(b, "panel"));
	bench_say(b, (struct say){.topic_device = "panel", .sequence = 3, .backfill = true});
	assert_false(is_offline(b, "panel"));
}

/* What the quarantine gave back was sent long ago; what the journal held was heard before. */
static void
what_was_heard_before_is_no_sign_of_life(void **state)
{
	static const uint8_t report[] = {0x0a, 4, 0x10, 1, 0x18, 9}; /* boot 1, sequence 9 */
	struct bench *b = *state;
	struct fw_message m = {.lane = FW_LANE_TELEMETRY,
	    .topic = "fire/v1/330106109001/panel/telemetry",
	    .topic_len = strlen("fire/v1/330106109001/panel/telemetry"),
	    .payload = report,
	    .payload_len = sizeof(report),
	    .original_len = sizeof(report),
	    .replay_id = "1",
	    .replay_index = -1};

	speak(b, "panel", 1);
	bench_hear(b, 200 * SECOND);
	m.received_at_us = b->now_us;
	fw_core_message(b->core, &m, b->now_us);
	assert_true(is_offline(b, "panel"));
	m.replay_id = NULL;
	m.received_at_us = NOON;
	bench_renew_town(b);
	speak(b, "gateway", 1);
	fw_core_message(b->core, &m, b->now_us);
	assert_true(is_offline(b, "panel"));
	speak(b, "panel", 10);
	assert_false(is_offline(b, "panel"));
}

/* ---------------------------------------------------------------- protection levels */

static void
half_the_time_while_a_level_is_raised(void **state)
{
	struct bench *b = *state;

	b->now_us = LEVEL_BEGINS;
	speak(b, "panel", 1);
	bench_hear(b, 89 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
	assert_string_equal(alarm_of(b, "panel")->data,
	    "not heard of for 90 s; heartbeat 1 min, 3 may be missed, 50 % of that at this protection level");
	assert_int_equal(alarm_of(b, "panel")->level, FW_LEVEL_ELEVATED);
}

/* Nobody says anything when it begins: who is due now is found by itself. */
static void
a_level_that_begins_makes_earlier_what_is_due(void **state)
{
	struct bench *b = *state;

	speak(b, "smoke-1", 1);
	b->now_us = LEVEL_BEGINS - 100 * SECOND;
	speak(b, "panel", 1);
	bench_hear(b, 99 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
	bench_hear(b, 6 * HOUR - SECOND);
	assert_false(is_offline(b, "smoke-1"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("smoke-1", NOON, "active"));
}

static void
a_level_that_ends_gives_the_time_back(void **state)
{
	struct bench *b = *state;

	b->now_us = LEVEL_ENDS - 80 * SECOND;
	speak(b, "panel", 1);
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
}

/* ---------------------------------------------------------------- nobody listened */

/* Without the 1000 seconds, and the minute that devices have to come back. */
static void
an_outage_is_not_its_silence(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	speak(b, "gateway", 1);
	bench_hear(b, 100 * SECOND);
	fw_core_listening(b->core, false, b->now_us);
	bench_hear(b, 1000 * SECOND);
	fw_core_listening(b->core, true, b->now_us);
	has_not(bench_flush(b), "offline");
	speak(b, "gateway", 2);
	bench_hear(b, 139 * SECOND);
	has_not(bench_flush(b), "~offline~");
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON, "active"));
	assert_string_equal(alarm_of(b, "panel")->data,
	    "not heard of for 20 min; heartbeat 1 min, 3 may be missed; for 17 min of it the centre could not hear");
	bench_hear(b, 39 * SECOND);
	assert_false(is_offline(b, "gateway"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("gateway", NOON + 1100 * SECOND, "active"));
}

static void
a_short_outage_gives_no_more_than_as_long_again(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	fw_core_listening(b->core, false, NOON + 10 * SECOND);
	fw_core_listening(b->core, true, NOON + 20 * SECOND);
	bench_hear(b, 199 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
}

/* What is still to be read may be its message. */
static void
silence_is_told_up_to_what_was_read(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, SECOND);
	b->now_us += HOUR;
	fw_core_heard(b->core, NOON + 179 * SECOND, b->now_us);
	bench_wait(b, 0);
	assert_false(is_offline(b, "panel"));
	assert_true(fw_core_next_tick_us(b->core) > b->now_us);
	fw_core_heard(b->core, NOON + 180 * SECOND, b->now_us);
	bench_wait(b, 0);
	assert_true(is_offline(b, "panel"));
}

static void
a_session_that_flaps_hides_nobody(void **state)
{
	struct bench *b = *state;

	b->now_us = LEVEL_ENDS;
	speak(b, "smoke-3", 1);
	for (int day = 1; day <= 2; day++) {
		bench_hear(b, 23 * HOUR);
		fw_core_listening(b->core, false, b->now_us);
		bench_hear(b, HOUR);
		fw_core_listening(b->core, true, b->now_us);
	}
	bench_hear(b, 26 * HOUR + 2 * FW_MIN - SECOND);
	assert_false(is_offline(b, "smoke-3"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("smoke-3", LEVEL_ENDS, "active"));
}

/* More outages than are remembered one by one: their time is. */
static void
however_often_it_flaps(void **state)
{
	struct bench *b = *state;

	b->now_us = LEVEL_ENDS;
	speak(b, "smoke-3", 1);
	for (int k = 0; k < 200; k++) {
		bench_hear(b, 19 * FW_MIN);
		fw_core_listening(b->core, false, b->now_us);
		bench_hear(b, FW_MIN);
		fw_core_listening(b->core, true, b->now_us);
	}
	bench_hear(b, 72 * HOUR + 400 * FW_MIN - 200 * 20 * FW_MIN - SECOND);
	assert_false(is_offline(b, "smoke-3"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "smoke-3"));
}

/* ---------------------------------------------------------------- a new start */

static struct bench *
start_anew(int64_t last_seen_us, int64_t now_us)
{
	struct bench *b = bench_new_with(rules);

	fw_core_load_seen(b->core, &(struct fw_seen){.device = "panel",
				       .last_seen_us = last_seen_us,
				       .last_observed_us = last_seen_us,
				       .boot_id = 1});
	fw_core_load_seen(b->core, &(struct fw_seen){.device = "gateway",
				       .last_seen_us = last_seen_us + 50 * SECOND,
				       .last_observed_us = last_seen_us});
	fw_core_load_seen(b->core, &(struct fw_seen){.device = "child", .known_us = last_seen_us});
	b->now_us = now_us;
	bench_hear(b, 10 * SECOND);
	fw_core_listening(b->core, true, b->now_us);
	return b;
}

/* It was down from the last message of any device on, and devices have a minute to come back. */
static void
a_new_start_goes_on_where_it_was(void **state)
{
	struct bench *b = start_anew(NOON, NOON + HOUR);

	(void)state;
	bench_hear(b, 60 * SECOND + 129 * SECOND);
	has_not(bench_flush(b), "~offline~");
	bench_hear(b, SECOND);
	has(bench_flush(b), line("panel", NOON, "active"));
	bench_hear(b, 49 * SECOND);
	assert_false(is_offline(b, "gateway"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "gateway"));
	bench_free(b);
}

/* What earlier starts have missed is not forgotten by the next. */
static void
outages_of_before_a_new_start_count(void **state)
{
	struct bench *b = bench_new_with(rules);
	struct fw_seen seen = {.device = "panel", .last_seen_us = NOON};

	(void)state;
	fw_core_load_seen(b->core, &seen);
	seen.device = "gateway";
	seen.last_seen_us = NOON + HOUR;
	fw_core_load_seen(b->core, &seen);
	fw_core_load_outage(b->core, NOON + 60 * SECOND, NOON + HOUR);
	b->now_us = NOON + HOUR + 10 * SECOND;
	assert_int_equal(fw_core_listening(b->core, true, b->now_us).count, 1);
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
	bench_free(b);
}

static void
load_offline(struct bench *b, int64_t since_us)
{
	struct fw_incident *i = calloc(1, sizeof(*i));
	struct fw_alarm *a = calloc(1, sizeof(*a));

	i->id = strdup("panel~offline~1");
	i->key = strdup("shop");
	i->division = strdup("330106109001");
	i->site = strdup("shop");
	i->device = strdup("panel");
	i->class = FW_CLASS_OFFLINE;
	i->trigger_count = 1;
	fw_core_load_incident(b->core, i);
	a->id = strdup("panel~offline~1");
	a->class = FW_CLASS_OFFLINE;
	a->conditions = UINT64_C(1) << FW_FINDING_OFFLINE;
	a->report_count = 1;
	a->observed_at_us = since_us;
	a->received_at_us = a->last_seen_us = since_us + 180 * SECOND;
	a->zone = strdup("");
	a->reason = strdup("");
	a->rule = strdup("");
	a->data = strdup("");
	a->text = strdup("");
	assert_int_equal(
	    fw_core_load_alarm(b->core, a, "panel", "330106109001", "panel~offline~1"), 0);
}

static void
what_was_offline_still_is(void **state)
{
	struct bench *b = bench_new_with(rules);

	(void)state;
	load_offline(b, NOON - HOUR);
	fw_core_load_seen(
	    b->core, &(struct fw_seen){.device = "panel", .last_seen_us = NOON - HOUR});
	fw_core_listening(b->core, true, b->now_us);
	bench_hear(b, HOUR);
	has_not(bench_flush(b), "alarm panel~");
	speak(b, "panel", 1);
	has(bench_flush(b), "alarm panel~offline~1 offline x1 restored");
	bench_hear(b, 180 * SECOND);
	has(bench_flush(b), line("panel", NOON + HOUR, "active"));
	bench_free(b);
}

/* ---------------------------------------------------------------- gateways */

static void
a_gateway_speaks_for_its_children(void **state)
{
	struct bench *b = *state;

	speak(b, "gateway", 1);
	bench_say(b, (struct say){.topic_device = "gateway", .device_id = "child", .sequence = 1});
	bench_hear(b, 179 * SECOND);
	has_not(bench_flush(b), "child~");
	bench_hear(b, 10 * HOUR);
	has(bench_flush(b), line("gateway", NOON, "active"));
	assert_string_equal(alarm_of(b, "gateway")->data,
	    "not heard of for 3 min; heartbeat 1 min, 3 may be missed; and 1 device behind it");
	assert_false(is_offline(b, "child"));
}

/* The gateway is back, its child is not: it has its time again. */
static void
a_child_that_stays_away_is_found_when_its_gateway_is_back(void **state)
{
	struct bench *b = *state;

	speak(b, "gateway", 1);
	bench_say(b, (struct say){.topic_device = "gateway", .device_id = "child", .sequence = 1});
	bench_hear(b, HOUR);
	for (uint64_t n = 2; n < 5; n++) {
		speak(b, "gateway", n);
		bench_hear(b, FW_MIN);
	}
	assert_false(is_offline(b, "child"));
	for (uint64_t n = 5; n < 7; n++) {
		speak(b, "gateway", n);
		bench_hear(b, FW_MIN);
	}
	has(bench_flush(b), line("child", NOON, "active"));
}

static void
a_child_alone_is_found(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.topic_device = "gateway", .device_id = "child", .sequence = 1});
	for (uint64_t n = 1; n <= 3; n++) {
		speak(b, "gateway", n);
		bench_hear(b, n < 3 ? FW_MIN : FW_MIN - SECOND);
	}
	assert_false(is_offline(b, "child"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("child", NOON, "active"));
}

/* To hand on is a sign of life. */
static void
a_gateway_that_hands_on_is_alive(void **state)
{
	struct bench *b = *state;

	speak(b, "gateway", 1);
	for (uint64_t n = 1; n <= 10; n++) {
		bench_say(b,
		    (struct say){.topic_device = "gateway", .device_id = "child", .sequence = n});
		bench_hear(b, FW_MIN);
	}
	assert_false(is_offline(b, "gateway"));
	assert_false(is_offline(b, "child"));
}

/* The gateway died first, with a longer patience than its child has: that one waits for it. */
static void
a_child_waits_for_its_gateways_judgement(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.topic_device = "gateway", .device_id = "child", .sequence = 1});
	b->now_us += 50 * SECOND;
	speak(b, "gateway", 1);
	bench_hear(b, 130 * SECOND);
	has_not(bench_flush(b), "~offline~");
	bench_hear(b, 50 * SECOND);
	has(bench_flush(b), line("gateway", NOON + 50 * SECOND, "active"));
	bench_hear(b, HOUR);
	assert_false(is_offline(b, "child"));
}

/* ---------------------------------------------------------------- the town */

static void
remove_panel(struct bench *b, bool with_heartbeat)
{
	struct fw_town *t = fw_town_new(7);

	fw_town_add_division(t, "330106109001", "", "一村", "village");
	if (with_heartbeat)
		fw_town_add_device(t, "newcomer", "", "", "", "gateway", "", 60);
	else
		fw_town_add_device(t, "panel", "", "", "", "fire_panel_transmitter", "", 0);
	fw_town_finish(t);
	fw_core_set_town(b->core, t);
}

static void
a_device_that_is_taken_out_is_not_waited_for(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 200 * SECOND);
	bench_flush(b);
	remove_panel(b, true);
	assert_int_equal(
	    count_lines(bench_hear(b, 0), "timeline restored"), 2); /* the gateway too */
	has(bench_flush(b), line("panel", NOON, "restored"));
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "newcomer"));
	bench_hear(b, SECOND);
	has(bench_flush(b), line("newcomer", NOON + 200 * SECOND, "active"));
	assert_false(is_offline(b, "panel"));
}

static void
a_heartbeat_that_is_taken_away_ends_it(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 200 * SECOND);
	bench_flush(b);
	remove_panel(b, false);
	bench_hear(b, HOUR);
	has(bench_flush(b), line("panel", NOON, "restored"));
}

static void
a_town_read_again_changes_nothing(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 100 * SECOND);
	bench_renew_town(b);
	bench_hear(b, 79 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
	bench_renew_town(b);
	bench_hear(b, HOUR);
	bench_flush(b);
	assert_true(is_offline(b, "panel"));
}

/* The divisions of another instance are its own to supervise. */
static void
other_divisions_are_not_supervised(void **state)
{
	struct bench *b = *state;
	struct fw_rules rules_of = b->core->rules;

	rules_of.divisions = "330106109002, 330106109003";
	fw_core_set_rules(b->core, &rules_of);
	speak(b, "panel", 1);
	bench_hear(b, HOUR);
	assert_false(is_offline(b, "panel"));
	rules_of.divisions = "330106109002, 330106109001";
	fw_core_set_rules(b->core, &rules_of);
	bench_renew_town(b);
	bench_hear(b, HOUR);
	assert_true(is_offline(b, "panel"));
}

static struct bench *
instance_of(const char *divisions)
{
	struct bench *b = bench_new_with(rules);
	struct fw_rules rules_of = b->core->rules;

	rules_of.divisions = divisions;
	fw_core_set_rules(b->core, &rules_of);
	return b;
}

/* It was down while the other instance on the database listened. */
static void
what_another_instance_has_heard_is_not_its_own_hearing(void **state)
{
	struct bench *b = instance_of("330106109001");

	(void)state;
	fw_core_load_seen(b->core, &(struct fw_seen){.device = "panel", .last_seen_us = NOON});
	fw_core_load_seen(
	    b->core, &(struct fw_seen){.device = "far-panel", .last_seen_us = NOON + HOUR});
	b->now_us = NOON + HOUR + SECOND;
	fw_core_listening(b->core, true, b->now_us);
	bench_hear(b, 179 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, 61 * SECOND);
	assert_true(is_offline(b, "panel"));
	bench_free(b);
}

/* Instances share out the topics; the rows of an earlier run name the site's division. */
static void
the_division_it_speaks_in_is_known_after_a_new_start(void **state)
{
	struct bench *mine = instance_of("330106"), *other = instance_of("330106109001");
	const struct fw_seen seen = {
	    .device = "panel", .topic_division = "330106", .last_seen_us = NOON};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct bench *b = k ? other : mine;

		fw_core_load_boot(b->core, "panel", "330106109001", 1, 5, NULL, 0);
		fw_core_load_seen(b->core, &seen);
		fw_core_load_report(b->core, "panel", "330106109001", 1, 6, NOON);
		fw_core_listening(b->core, true, b->now_us);
		bench_hear(b, 10 * HOUR);
		assert_int_equal(strstr(bench_flush(b), "alarm panel~offline~") != NULL, k == 0);
		bench_free(b);
	}
}

/* ---------------------------------------------------------------- the clock */

/* What it says then is later than its silence, though the clock says something else. */
static void
back_after_the_clock_was_set_back(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 200 * SECOND);
	assert_true(is_offline(b, "panel"));
	b->now_us -= HOUR;
	bench_hear(b, SECOND);
	speak(b, "panel", 2);
	assert_false(is_offline(b, "panel"));
}

static void
a_clock_set_back_holds_nothing_back(void **state)
{
	struct bench *b = *state;

	speak(b, "panel", 1);
	bench_hear(b, 100 * SECOND);
	b->now_us -= HOUR;
	bench_hear(b, 79 * SECOND);
	assert_false(is_offline(b, "panel"));
	bench_hear(b, SECOND);
	assert_true(is_offline(b, "panel"));
	speak(b, "panel", 2);
	assert_false(is_offline(b, "panel"));
}

/* ---------------------------------------------------------------- a million */

#define MANY 1000000

static struct fw_town *
large_town(void)
{
	struct fw_town *t = fw_town_new(7);
	char id[24];

	fw_town_add_division(t, "330106109001", "", "一村", "village");
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "d-%d", i);
		fw_town_add_device(t, id, "", "", "", "smoke_alarm", "", 60);
	}
	fw_town_finish(t);
	return t;
}

/* Armed in slices, found silent in slices; a report leaves the heap alone. */
static void
a_million_devices_hold_nothing_up(void **state)
{
	struct bench *b = bench_new_with(rules);
	const struct fw_deadlines *heap = &b->core->silence_due;
	struct fw_deadline before;
	struct fw_device *d;
	uint64_t opened = 0;
	int ticks = 0;

	(void)state;
	fw_core_set_town(b->core, large_town());
	fw_core_listening(b->core, true, b->now_us);
	fw_core_heard(b->core, b->now_us, b->now_us);
	while (fw_core_next_tick_us(b->core) <= b->now_us) {
		size_t armed = heap->count;

		fw_core_tick(b->core, b->now_us);
		assert_true(heap->count - armed <= 5000);
		ticks++;
	}
	assert_int_equal(heap->count, MANY);
	assert_true(ticks >= MANY / 5000);
	assert_true(fw_core_next_tick_us(b->core) >= NOON + 180 * SECOND);
	d = fw_core_device(b->core, "d-77", "330106109001");
	before = d->silence;
	for (uint64_t n = 1; n < 100; n++)
		speak(b, "d-77", n);
	assert_memory_equal(&before, &d->silence, sizeof(before));
	b->now_us += 180 * SECOND;
	fw_core_heard(b->core, b->now_us, b->now_us);
	for (ticks = 0; ticks < 10; ticks++) {
		assert_int_equal(fw_core_next_tick_us(b->core), b->now_us);
		fw_core_tick(b->core, b->now_us);
		assert_true(b->core->counters.alarms_opened > opened);
		assert_true(b->core->counters.alarms_opened <= opened + 500);
		opened = b->core->counters.alarms_opened;
	}
	bench_free(b);
}

/* ---------------------------------------------------------------- a gateway behind another one */

static void
rules_of_chain(struct fw_town *t)
{
	fw_town_add_device(t, "root", "", "shop", "", "gateway", "", 600);
	fw_town_add_device(t, "sub", "root", "", "", "gateway", "", 600);
	fw_town_add_device(t, "leaf", "sub", "", "", "smoke_alarm", "", 600);
}

/* What is behind one that is not judged is not judged either: it is looked at once a heartbeat. */
static void
behind_a_gateway_that_is_behind_another_one(void **state)
{
	struct bench *b = bench_new_with(rules_of_chain);
	struct fw_device *leaf;
	int64_t end_us;

	(void)state;
	fw_core_listening(b->core, true, NOON);
	bench_hear(b, HOUR);
	assert_true(is_offline(b, "root"));
	leaf = fw_core_device(b->core, "leaf", "330106109001");
	for (end_us = b->now_us + HOUR; b->now_us < end_us;) {
		bench_hear(b, SECOND);
		assert_true(leaf->silence.at_us - b->now_us > 0);
		if (leaf->behind && leaf->silence.at_us - b->now_us > 500 * SECOND)
			break;
	}
	assert_true(b->now_us < end_us);
	assert_false(is_offline(b, "leaf"));
	for (uint64_t n = 1; n <= 15; n++) {
		speak(b, "root", n);
		speak(b, "sub", n);
		bench_hear(b, 300 * SECOND);
	}
	assert_true(is_offline(b, "leaf"));
	bench_free(b);
}

/* ---------------------------------------------------------------- supervised again */

static int32_t mute_heartbeat_s; /* of the town that is read next */

static void
rules_of_mute(struct fw_town *t)
{
	fw_town_add_device(t, "mute", "", "shop", "", "water_sensor", "", mute_heartbeat_s);
}

static void
supervise_mute(struct bench *b, int32_t heartbeat_s)
{
	mute_heartbeat_s = heartbeat_s;
	bench_renew_town(b);
	bench_hear(b, FW_MIN);
}

/* The same silence is found again: the alarm before is over, and may be closed. */
static void
silence_found_again_is_another_alarm(void **state)
{
	struct bench *b = bench_new_with(rules_of_mute);

	(void)state;
	fw_core_listening(b->core, true, NOON);
	supervise_mute(b, 60);
	speak(b, "mute", 1);
	bench_hear(b, 10 * FW_MIN);
	has(bench_flush(b), line("mute", NOON + FW_MIN, "active"));
	supervise_mute(b, 0);
	has(bench_flush(b), line("mute", NOON + FW_MIN, "restored"));
	supervise_mute(b, 60);
	assert_non_null(strstr(bench_flush(b), "alarm mute~offline~1790000060000000~179000"));
	assert_int_equal(alarm_of(b, "mute")->observed_at_us, NOON + FW_MIN);
	/* A silence that was not found before has its usual name. */
	speak(b, "mute", 2);
	bench_hear(b, 10 * FW_MIN);
	has(bench_flush(b), line("mute", NOON + 13 * FW_MIN, "active"));
	bench_free(b);
}

#define in_town(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    in_town(offline_after_the_heartbeats_it_may_miss),
	    in_town(counted_from_its_last_message),
	    in_town(one_that_never_spoke),
	    in_town(nobody_waits_for_a_stranger_or_one_without_a_heartbeat),
	    in_town(back_with_its_next_message),
	    in_town(a_duplicate_is_no_sign_of_life_and_what_was_stored_is),
	    in_town(what_was_heard_before_is_no_sign_of_life),
	    in_town(half_the_time_while_a_level_is_raised),
	    in_town(a_level_that_begins_makes_earlier_what_is_due),
	    in_town(a_level_that_ends_gives_the_time_back),
	    in_town(an_outage_is_not_its_silence),
	    in_town(a_short_outage_gives_no_more_than_as_long_again),
	    in_town(silence_is_told_up_to_what_was_read),
	    in_town(a_session_that_flaps_hides_nobody),
	    in_town(however_often_it_flaps),
	    cmocka_unit_test(a_new_start_goes_on_where_it_was),
	    cmocka_unit_test(what_was_offline_still_is),
	    cmocka_unit_test(outages_of_before_a_new_start_count),
	    in_town(a_gateway_speaks_for_its_children),
	    in_town(a_child_that_stays_away_is_found_when_its_gateway_is_back),
	    in_town(a_child_alone_is_found),
	    in_town(a_gateway_that_hands_on_is_alive),
	    in_town(a_child_waits_for_its_gateways_judgement),
	    in_town(a_device_that_is_taken_out_is_not_waited_for),
	    in_town(a_heartbeat_that_is_taken_away_ends_it),
	    in_town(a_town_read_again_changes_nothing),
	    in_town(other_divisions_are_not_supervised),
	    cmocka_unit_test(what_another_instance_has_heard_is_not_its_own_hearing),
	    cmocka_unit_test(the_division_it_speaks_in_is_known_after_a_new_start),
	    in_town(a_clock_set_back_holds_nothing_back),
	    in_town(back_after_the_clock_was_set_back),
	    cmocka_unit_test(a_million_devices_hold_nothing_up),
	    cmocka_unit_test(behind_a_gateway_that_is_behind_another_one),
	    cmocka_unit_test(silence_found_again_is_another_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
