/* SPDX-License-Identifier: Apache-2.0 */
/* Ways in which a fire could reach nobody, or a record be lost or doubled: crossing answers, dead
   addresses, empty duty lists, hostile and broken messages.  Each test says what must happen. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)

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

static struct say
fire(uint64_t sequence)
{
	return (struct say){.sequence = sequence, .condition = FW_CONDITION_FIRE};
}

static void
settle(struct bench *b)
{
	for (int k = 0; k < 3; k++) {
		bench_flush(b);
		bench_commit(b);
		bench_sent(b, NULL);
	}
}

/* One site without zones, one duty and one fire step for it. */
static void
small_town(struct bench *b, const char *webhook, int64_t from_us)
{
	struct fw_town *t = fw_town_new(7);

	fw_town_add_division(t, "330106109001", "", "一村", "village");
	assert_int_equal(fw_town_add_site(t, "home", "家", "330106109001", "", "high", "", ""), 0);
	fw_town_add_device(t, "smoke-1", "", "home", "", "smoke_alarm", "", 0);
	fw_town_add_person(t, "guardian", "张明", "", "", webhook);
	fw_town_add_person(t, "head", "李村长", "", "", "https://example.org/h");
	assert_int_equal(
	    fw_town_add_duty(t, "330106109001", "home", "guardian", "guardian", from_us, FW_NEVER),
	    0);
	assert_int_equal(
	    fw_town_add_duty(t, "330106109001", "", "head", "head", from_us, FW_NEVER), 0);
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 1, 0, "guardian", "webhook");
	fw_town_finish(t);
	fw_core_set_town(b->core, t);
}

static void
a_verified_fire_does_not_cancel_the_station_s_page(void **state)
{
	struct bench *b = *state;
	char all[65536];

	bench_say(b, fire(1));
	settle(b);
	bench_wait(b, 60 * SECOND);
	settle(b);
	bench_wait(b, 240 * SECOND); /* the station's step is due */
	bench_flush(b);
	bench_commit(b);
	bench_sent(b, "HTTP 503"); /* the station's first attempt fails */
	snprintf(all, sizeof(all), "%s", bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE));
	assert_null(strstr(all, "result station cancelled"));
	bench_wait(b, 60 * SECOND);
	assert_true(b->claim_count > 0);
}

/* verify(real_fire) is committed just before the station's step comes due: its claim is refused,
 * then the NOTIFY is heard. */
static void
a_verification_that_crosses_the_station_s_step_still_sends_it(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	settle(b);
	bench_wait(b, 60 * SECOND);
	settle(b);
	bench_wait(b, 240 * SECOND);
	bench_refuse_claims(b);
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE);
	bench_wait(b, 3600 * SECOND);
	assert_true(b->claim_count > 0);
}

static void
a_new_detector_in_an_exhausted_incident_calls_people(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	settle(b);
	for (int k = 0; k < 10; k++) {
		bench_wait(b, 60 * SECOND);
		settle(b);
	}
	bench_say(b,
	    (struct say){.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(b->trace, "page "));
}

static void
an_answer_does_not_cover_a_detector_it_has_not_seen(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	settle(b);
	bench_wait(b, 301 * SECOND);
	settle(b);
	/* committed: close(trigger 1); its NOTIFY is under way when the second detector comes */
	bench_say(b,
	    (struct say){.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_flush(b);
	bench_commit(b);
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 3600 * SECOND);
	assert_true(b->send_count > 0 || b->claim_count > 0);
}

/* The same report on both topics: the copy is committed first, then the power goes. */
static void
a_duplicate_does_not_vouch_for_an_uncommitted_report(void **state)
{
	struct bench *b = *state;
	Firewatch__V1__Receipt *receipt;
	uint64_t through;

	bench_say(b, fire(1));
	b->item_count = 0; /* it waits in the alarm lane's batch */
	bench_say(
	    b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE, .telemetry = true});
	bench_commit(b); /* the telemetry lane's batch */
	receipt = firewatch__v1__receipt__unpack(NULL, b->receipt_len, b->receipt);
	assert_non_null(receipt);
	through = receipt->n_entries ? receipt->entries[0]->through_sequence : 0;
	firewatch__v1__receipt__free_unpacked(receipt, NULL);
	{
		struct fw_actions actions = fw_core_flush_devices(b->core, 100);
		struct bench *after = bench_new();

		for (size_t k = 0; k < actions.count; k++)
			if (actions.items[k].type == FW_ACT_LEDGER)
				fw_core_load_boot(after->core, "smoke-1", "330106109001", 1,
				    actions.items[k].u.ledger.boot->recorded.highest, NULL, 0);
		bench_say(after, fire(1)); /* the alarm lane's journal again */
		through += strstr(after->trace, "duplicate") != NULL;
		bench_free(after);
	}
	assert_int_equal(through, 0);
}

static void
a_replayed_old_fire_does_not_swallow_the_next(void **state)
{
	struct bench *b = *state;
	struct say bad = {.sequence = 1, .condition = FW_CONDITION_FIRE, .second_condition = 99};
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
	Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT, *reports[] = {&report};
	Firewatch__V1__Event event = FIREWATCH__V1__EVENT__INIT, *events[] = {&event};
	uint8_t bytes[256];
	const char *topic = "fire/v1/330106109001/smoke-1/alarm";
	struct fw_message m = {.lane = FW_LANE_ALARM,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = bytes,
	    .replay_id = "q"};
	struct fw_actions actions;
	bool opened_again = false;

	bench_say(b, bad); /* quarantined, and the fire in it is raised */
	settle(b);
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE, .restored = true});
	settle(b);
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_FALSE_ALARM);
	bench_flush(b);
	bench_flush(b);
	bench_wait(b, 3600 * SECOND);

	/* A newer daemon knows the condition; the operator has it taken in again. */
	report.boot_id = 1;
	report.sequence = 1;
	event.condition = (Firewatch__V1__Condition)FW_CONDITION_FIRE;
	event.active = true;
	report.events = events;
	report.n_events = 1;
	uplink.reports = reports;
	uplink.n_reports = 1;
	m.payload_len = m.original_len = firewatch__v1__uplink__pack(&uplink, bytes);
	m.received_at_us = NOON;
	actions = fw_core_message(b->core, &m, b->now_us);
	for (size_t k = 0; k < actions.count; k++) {
		opened_again |= actions.items[k].type == FW_ACT_TIMELINE &&
				strcmp(actions.items[k].u.timeline->key, "opened") == 0;
		if (actions.items[k].type == FW_ACT_PAGE)
			snprintf(b->claims[b->claim_count++], sizeof(b->claims[0]), "%s",
			    actions.items[k].u.page->id);
		if (actions.items[k].type == FW_ACT_REPORT)
			b->items[b->item_count++] = actions.items[k].item;
	}
	bench_flush(b);
	bench_refuse_claims(b); /* its row says closed_trigger 1 */
	bench_wait(b, 3600 * SECOND);

	bench_say(b, fire(3)); /* a real one, the same detector */
	assert_non_null(strstr(b->trace, "page "));
}

static void
an_older_repeat_does_not_let_an_older_restore_end_a_newer_alarm(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(9));
	bench_say(b, fire(5));
	bench_say(b, (struct say){.sequence = 7, .condition = FW_CONDITION_FIRE, .restored = true});
	assert_null(strstr(b->trace, "restored"));
}

static void
a_fire_whose_only_person_has_no_address_reaches_someone_else(void **state)
{
	struct bench *b = *state;

	small_town(b, "", 0);
	bench_say(b, fire(1));
	settle(b);
	bench_wait(b, 3600 * SECOND);
	settle(b);
	assert_non_null(fw_core_town(b->core));
	{
		struct fw_core_counters c;

		fw_core_counters(b->core, &c);
		assert_true(c.pages > 1);
	}
}

static void
a_fire_whose_only_page_failed_for_good_reaches_someone_else(void **state)
{
	struct bench *b = *state;
	struct fw_core_counters c;

	small_town(b, "https://example.org/dead", 0);
	bench_say(b, fire(1));
	for (int k = 0; k < 10; k++) {
		bench_commit(b);
		bench_sent(b, "HTTP 503");
		bench_wait(b, 60 * SECOND);
	}
	bench_wait(b, 3600 * SECOND);
	fw_core_counters(b->core, &c);
	assert_true(c.pages > 1);
	assert_true(c.unreached > 0);
	assert_true(c.pages_failed > 0);
}

static void
a_fire_in_a_gap_of_the_duty_list_reaches_the_next_on_duty(void **state)
{
	struct bench *b = *state;
	struct fw_core_counters c;

	small_town(b, "https://example.org/g", NOON + 60 * SECOND);
	bench_say(b, fire(1));
	bench_wait(b, 3600 * SECOND);
	fw_core_counters(b->core, &c);
	assert_true(c.pages > 0);
}

/* verify(real_fire) was committed, then the daemon was started anew: its row and its cancelled
 * steps are loaded. */
static void
a_verification_is_carried_out_after_a_restart(void **state)
{
	struct bench *b = *state;
	struct fw_incident *i = fw_calloc(1, sizeof(*i));
	struct fw_step *s = fw_calloc(1, sizeof(*s));

	i->id = fw_strdup("smoke-1~1~1");
	i->key = fw_strdup("home");
	i->division = fw_strdup("330106109001");
	i->site = fw_strdup("home");
	i->device = fw_strdup("smoke-1");
	i->class = FW_CLASS_FIRE;
	i->opened_at_us = NOON;
	i->trigger_count = i->acknowledged_trigger = 1;
	i->verdict = FW_VERDICT_REAL_FIRE;
	fw_core_load_incident(b->core, i);
	s->trigger = 1;
	s->step = 3;
	s->role = fw_strdup("station");
	s->channel = fw_strdup("webhook");
	s->state = FW_STEP_CANCELLED;
	s->due_at_us = NOON + 300 * SECOND;
	assert_int_equal(fw_core_load_step(b->core, s, "smoke-1~1~1"), FW_OK);
	bench_wait(b, 3600 * SECOND);
	bench_act(
	    b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE); /* as read on the next connection */
	assert_non_null(strstr(b->trace, "page station"));
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
a_device_with_many_points_does_not_stop_the_centre(void **state)
{
	struct bench *b = *state;
	enum { EVENTS = 20000 };
	static Firewatch__V1__Event events[EVENTS];
	static Firewatch__V1__Event *list[EVENTS];
	static uint8_t bytes[512 * 1024];
	double took = 0;

	for (uint32_t message = 0; message < 2; message++) {
		Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
		Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT, *reports[] = {&report};
		const char *topic = "fire/v1/330106109001/panel/alarm";
		struct fw_message m = {.lane = FW_LANE_ALARM,
		    .topic = topic,
		    .topic_len = strlen(topic),
		    .payload = bytes,
		    .received_at_us = NOON};

		for (uint32_t k = 0; k < EVENTS; k++) {
			firewatch__v1__event__init(&events[k]);
			events[k].point = message * EVENTS + k + 1;
			events[k].condition = (Firewatch__V1__Condition)FW_CONDITION_FAULT;
			events[k].active = true;
			list[k] = &events[k];
		}
		report.boot_id = 1;
		report.sequence = message + 1;
		report.events = list;
		report.n_events = EVENTS;
		uplink.reports = reports;
		uplink.n_reports = 1;
		m.payload_len = m.original_len = firewatch__v1__uplink__pack(&uplink, bytes);
		took = seconds();
		fw_core_message(b->core, &m, NOON);
		took = seconds() - took;
	}
	assert_true(took < 0.5);
}

static size_t
pack_many(uint8_t *bytes, size_t count, size_t fire_at)
{
	size_t n = 0;

	for (size_t k = 0; k < count; k++) {
		Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT;
		Firewatch__V1__Event event = FIREWATCH__V1__EVENT__INIT, *events[] = {&event};
		size_t len;

		event.condition = (Firewatch__V1__Condition)FW_CONDITION_FIRE;
		event.active = true;
		report.boot_id = 1;
		report.sequence = k + 1;
		report.events = events;
		report.n_events = k == fire_at;
		len = firewatch__v1__report__get_packed_size(&report);
		bytes[n++] = 0x0a;
		bytes[n++] = (uint8_t)len;
		n += firewatch__v1__report__pack(&report, bytes + n);
	}
	return n;
}

static void
a_fire_in_a_message_that_was_cut_is_a_fire(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[1024];
	const char *topic = "fire/v1/330106109001/smoke-1/alarm";
	struct fw_message m = {.lane = FW_LANE_ALARM,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = bytes,
	    .received_at_us = NOON};
	struct fw_core_counters c;

	m.payload_len = pack_many(bytes, 10, 0);
	m.original_len = m.payload_len + 10000;
	fw_core_message(b->core, &m, NOON);
	fw_core_counters(b->core, &c);
	assert_int_equal(c.pages, 1);
}

static void
a_fire_behind_report_4096_is_a_fire(void **state)
{
	struct bench *b = *state;
	static uint8_t bytes[200000];
	const char *topic = "fire/v1/330106109001/smoke-1/alarm";
	struct fw_message m = {.lane = FW_LANE_ALARM,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = bytes,
	    .received_at_us = NOON};
	struct fw_core_counters c;

	m.payload_len = m.original_len = pack_many(bytes, 4100, 4099);
	fw_core_message(b->core, &m, NOON);
	fw_core_counters(b->core, &c);
	assert_int_equal(c.pages, 1);
}

static void
gas_in_a_refused_report_is_an_emergency(void **state)
{
	struct bench *b = *state;

	bench_say(
	    b, (struct say){.sequence = 1, .condition = FW_CONDITION_GAS, .second_condition = 99});
	assert_non_null(strstr(b->trace, "page "));
}

static void
a_boot_in_use_is_not_forgotten(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.boot = 100, .sequence = 1});
	for (uint32_t boot = 1; boot <= 8; boot++) {
		bench_say(b, (struct say){.boot = boot, .sequence = 1});
		bench_say(
		    b, (struct say){.boot = 100, .sequence = boot + 1}); /* used all the time */
	}
	bench_say(b, (struct say){.boot = 100, .sequence = 8});
	assert_non_null(strstr(b->trace, "duplicate"));
}

static void
no_page_goes_out_after_an_answer_was_heard(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE);
	bench_wait(b, 5 * SECOND);
	assert_null(strstr(b->trace, "send guardian"));
}

static void
a_replay_s_row_and_its_outcome_are_one_transaction(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[256];
	const char *topic = "fire/v1/330106109001/smoke-1/telemetry";
	struct fw_message m = {.lane = FW_LANE_TELEMETRY,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = bytes,
	    .received_at_us = NOON,
	    .replay_id = "q"};
	struct fw_actions actions;
	enum fw_lane report = FW_LANE_ALARM, outcome = FW_LANE_ALARM;

	m.payload_len = m.original_len = pack_many(bytes, 1, 9);
	actions = fw_core_message(b->core, &m, NOON);
	for (size_t k = 0; k < actions.count; k++) {
		if (actions.items[k].type == FW_ACT_REPORT)
			report = actions.items[k].lane;
		if (actions.items[k].type == FW_ACT_REPLAYED)
			outcome = actions.items[k].lane;
	}
	assert_int_equal(report, outcome);
}

static void
a_manual_call_on_an_answered_point_calls_people(void **state)
{
	struct bench *b = *state;

	bench_say(b,
	    (struct say){.topic_device = "panel", .sequence = 1, .condition = FW_CONDITION_FIRE});
	settle(b);
	bench_act(b, "panel~1~1", 1, 0, FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 3600 * SECOND);
	bench_say(
	    b, (struct say){
		   .topic_device = "panel", .sequence = 2, .condition = FW_CONDITION_MANUAL_CALL});
	assert_non_null(strstr(b->trace, "page "));
}

static void
a_chattering_gas_sensor_does_not_page_each_time(void **state)
{
	struct bench *b = *state;
	struct fw_core_counters c;

	for (uint64_t k = 0; k < 20; k++) {
		bench_say(b, (struct say){.sequence = 2 * k + 1, .condition = FW_CONDITION_GAS});
		settle(b);
		bench_say(
		    b, (struct say){
			   .sequence = 2 * k + 2, .condition = FW_CONDITION_GAS, .restored = true});
		settle(b);
		bench_wait(b, SECOND);
	}
	fw_core_counters(b->core, &c);
	assert_true(c.pages < 10);
}

/* Nothing restores what a gateway's unregistered child raised; another child's fire is then a
 * repeat of it. */
static void
a_second_unregistered_child_s_fire_calls_people(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.topic_device = "gateway",
			 .device_id = "new-1",
			 .sequence = 1,
			 .condition = FW_CONDITION_FIRE});
	settle(b);
	bench_say(b, (struct say){.topic_device = "gateway",
			 .device_id = "new-1",
			 .sequence = 2,
			 .condition = FW_CONDITION_FIRE,
			 .restored = true});
	settle(b);
	bench_act(b, "gateway~at~1790000000000000~0", 1, 0, FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 24 * 3600 * SECOND);
	bench_say(b, (struct say){.topic_device = "gateway",
			 .device_id = "new-2",
			 .sequence = 1,
			 .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(b->trace, "page "));
}

static void
a_clock_set_back_does_not_delay_an_escalation(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	settle(b);
	b->now_us -= 3600 * SECOND; /* NTP corrects the centre's clock */
	bench_wait(b, 600 * SECOND);
	assert_true(b->claim_count > 0);
}

static void
a_new_zone_of_a_confirmed_fire_is_told_at_once(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_say(b,
	    (struct say){.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	settle(b);
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE);
	bench_say(b,
	    (struct say){.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(b->trace, "page station"));
}

/* A forgotten duplicate (its boot gave way to eight others) of a fire that is over: the row says
 * closed, the core thinks open. */
static void
a_forgotten_duplicate_does_not_swallow_the_next_fire(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	settle(b);
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE, .restored = true});
	settle(b);
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_FALSE_ALARM);
	bench_flush(b);
	for (uint32_t boot = 2; boot <= 9; boot++)
		bench_say(b, (struct say){.boot = boot, .sequence = 1});
	settle(b);
	bench_wait(b, 3600 * SECOND);
	bench_say(b, fire(1)); /* the broker, or a gateway, delivers it again */
	bench_flush(b);
	bench_refuse_claims(b); /* the row: closed_trigger 1 >= trigger_count 1 */
	bench_wait(b, 3600 * SECOND);
	bench_say(b, (struct say){.boot = 9, .sequence = 2, .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(b->trace, "page "));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(a_verified_fire_does_not_cancel_the_station_s_page),
	    test(a_verification_that_crosses_the_station_s_step_still_sends_it),
	    test(a_new_detector_in_an_exhausted_incident_calls_people),
	    test(an_answer_does_not_cover_a_detector_it_has_not_seen),
	    test(a_duplicate_does_not_vouch_for_an_uncommitted_report),
	    test(a_replayed_old_fire_does_not_swallow_the_next),
	    test(an_older_repeat_does_not_let_an_older_restore_end_a_newer_alarm),
	    test(a_fire_whose_only_person_has_no_address_reaches_someone_else),
	    test(a_fire_whose_only_page_failed_for_good_reaches_someone_else),
	    test(a_fire_in_a_gap_of_the_duty_list_reaches_the_next_on_duty),
	    test(a_verification_is_carried_out_after_a_restart),
	    test(a_device_with_many_points_does_not_stop_the_centre),
	    test(a_fire_in_a_message_that_was_cut_is_a_fire),
	    test(a_fire_behind_report_4096_is_a_fire),
	    test(gas_in_a_refused_report_is_an_emergency),
	    test(a_boot_in_use_is_not_forgotten),
	    test(no_page_goes_out_after_an_answer_was_heard),
	    test(a_replay_s_row_and_its_outcome_are_one_transaction),
	    test(a_manual_call_on_an_answered_point_calls_people),
	    test(a_chattering_gas_sensor_does_not_page_each_time),
	    test(a_second_unregistered_child_s_fire_calls_people),
	    test(a_clock_set_back_does_not_delay_an_escalation),
	    test(a_new_zone_of_a_confirmed_fire_is_told_at_once),
	    test(a_forgotten_duplicate_does_not_swallow_the_next_fire),
	};

	return cmocka_run_group_tests_name("core in hardship", tests, NULL, NULL);
}
