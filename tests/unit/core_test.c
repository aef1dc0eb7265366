/* SPDX-License-Identifier: Apache-2.0 */
/* The core's judgement, in virtual time: what one report after another makes it do. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/classify.h"
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

static struct say
fire(uint64_t sequence)
{
	return (struct say){.sequence = sequence, .condition = FW_CONDITION_FIRE};
}

/* ---------------------------------------------------------------- reports */

static void
a_repeated_sequence_is_a_duplicate_and_changes_nothing(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, fire(1)), "report smoke-1 1");
	assert_string_equal(bench_say(b, fire(1)), "duplicate smoke-1 1\n");
	has(bench_flush(b), "alarm smoke-1~1~1~0 fire x1 active");
}

static void
another_boot_begins_anew(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	has(bench_say(b, (struct say){.boot = 2, .sequence = 1}), "report smoke-1 1");
}

static void
the_boundaries_of_sequence_hold(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, (struct say){.sequence = 0}),
	    "quarantine smoke-1 0 sequence: sequence: must be at least 1");
	has(bench_say(b, (struct say){.sequence = UINT64_MAX}),
	    "report smoke-1 18446744073709551615");
	has(bench_say(b, (struct say){.sequence = UINT64_MAX}),
	    "duplicate smoke-1 18446744073709551615");
	has(bench_say(b, (struct say){.sequence = 1}), "report smoke-1 1");
	has(bench_say(b, (struct say){.sequence = UINT64_MAX - 1}),
	    "report smoke-1 18446744073709551614");
}

static void
an_unknown_device_is_registered_once_and_its_fire_pages_the_division(void **state)
{
	struct bench *b = *state;
	const char *trace = bench_say(
	    b, (struct say){
		   .topic_device = "stranger", .sequence = 1, .condition = FW_CONDITION_FIRE});

	has(trace, "register stranger");
	has(trace, "report stranger 1");
	/* No guardian is on duty for the division: whoever is nearest is paged instead. */
	has(trace, "page head step 1");
	has_not(bench_say(b, (struct say){.topic_device = "stranger", .sequence = 2}), "register");
}

static void
only_registered_children_may_be_spoken_for(void **state)
{
	struct bench *b = *state;

	has(bench_say(
		b, (struct say){.topic_device = "gateway", .device_id = "child", .sequence = 1}),
	    "report child 1");
	has(bench_say(
		b, (struct say){.topic_device = "gateway", .device_id = "smoke-1", .sequence = 1}),
	    "quarantine gateway 0 identity: device_id: smoke-1 is not registered under gateway");
}

static void
a_fire_in_a_refused_report_is_still_a_fire(void **state)
{
	struct bench *b = *state;
	const char *trace = bench_say(
	    b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE, .second_condition = 99});

	has(trace, "quarantine smoke-1 0 condition: events[1]: unknown condition 99");
	has(trace, "page guardian step 1");
	trace = bench_say(b, (struct say){.topic_device = "gateway",
				 .device_id = "nobody",
				 .sequence = 1,
				 .condition = FW_CONDITION_FIRE});
	assert_non_null(strstr(trace, "quarantine gateway 0 identity"));
	assert_non_null(strstr(trace, "page head"));
}

static void
garbage_is_kept_with_its_reason(void **state)
{
	struct bench *b = *state;
	static const uint8_t truncated[] = {0x0a, 0x20, 0x18};

	has(bench_bytes(b, "fire/v1/330106109001/smoke-1/alarm", truncated, sizeof(truncated)),
	    "quarantine smoke-1 -1 not_protobuf: not an Uplink, behind 0 reports that are taken in");
	has(bench_bytes(b, "fire/v1/330106109001/smoke-1/alarm", "", 0),
	    "quarantine smoke-1 -1 not_protobuf: an Uplink without a report");
	has(bench_bytes(b, "fire/v1/33/smoke-1/alarm", "", 0),
	    "quarantine - -1 topic: not fire/v1/{division}/{device}/alarm or telemetry");
}

static void
every_condition_has_a_stated_outcome(void **state)
{
	struct bench *b = *state;
	uint64_t sequence = 0;

	for (uint32_t c = 1; c < FW_CONDITIONS; c++) {
		char line[96];

		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = ++sequence,
				 .condition = c,
				 .point = 100 + c});
		snprintf(line, sizeof(line), "alarm panel~1~%llu~0 %s x1 active",
		    (unsigned long long)sequence,
		    fw_class_name(fw_classify(&(struct fw_subject){.condition = c}).class));
		assert_int_equal(
		    count_lines(bench_flush(b), line), c == FW_CONDITION_RESET ? 0 : 1);
	}
}

/* ---------------------------------------------------------------- alarms */

static void
repeats_are_one_alarm_with_a_count(void **state)
{
	struct bench *b = *state;

	for (uint64_t s = 1; s <= 5; s++)
		bench_say(b, fire(s));
	has(bench_flush(b), "alarm smoke-1~1~1~0 fire x5 active");
	assert_string_equal(bench_flush(b), "");
}

static void
a_restore_ends_the_alarm_but_an_older_one_does_not(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_say(b, fire(3));
	has_not(bench_say(b,
		    (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE, .restored = true}),
	    "restored");
	has(bench_say(
		b, (struct say){.sequence = 4, .condition = FW_CONDITION_FIRE, .restored = true}),
	    "timeline restored");
	has(bench_flush(b), "alarm smoke-1~1~1~0 fire x2 restored");
}

static void
a_reset_ends_what_the_device_had_raised(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.topic_device = "panel",
			 .sequence = 1,
			 .condition = FW_CONDITION_FIRE,
			 .point = 5});
	bench_say(b, (struct say){.topic_device = "panel",
			 .sequence = 2,
			 .condition = FW_CONDITION_FAULT,
			 .point = 6});
	bench_say(b,
	    (struct say){.topic_device = "panel", .sequence = 3, .condition = FW_CONDITION_RESET});
	bench_flush(b);
	assert_non_null(strstr(b->trace, "alarm panel~1~1~0 fire x1 restored"));
	assert_non_null(strstr(b->trace, "alarm panel~1~2~0 fault x1 restored"));
}

static void
a_telemetry_report_with_an_event_is_promoted(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, (struct say){.sequence = 1, .telemetry = true}),
	    "telemetry report smoke-1 1");
	has(bench_say(
		b, (struct say){.sequence = 2, .telemetry = true, .condition = FW_CONDITION_FIRE}),
	    "report smoke-1 2");
}

/* ---------------------------------------------------------------- incidents */

static void
the_second_detector_of_a_zone_confirms_and_everybody_is_told(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b, fire(1));
	bench_wait(b, 300 * SECOND - 1);
	trace = bench_say(b,
	    (struct say){.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE});
	has(trace, "timeline confirmed");
	has(trace, "page station step 3 force");
	has(bench_flush(b), "incident smoke-1~1~1 fire triggers 2 alarms 2 confirmed");
}

static void
a_later_detector_or_another_zone_does_not_confirm(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	has_not(bench_say(b,
		    (struct say){
			.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "confirmed");
	bench_wait(b, 300 * SECOND + 1);
	has_not(bench_say(b,
		    (struct say){
			.topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "confirmed");
	has(bench_say(b, fire(2)), "timeline confirmed");
}

static void
a_restored_detector_still_confirms_within_the_time(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE, .restored = true});
	bench_flush(b);
	bench_wait(b, 200 * SECOND);
	has(bench_say(b,
		(struct say){
		    .topic_device = "smoke-2", .sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "timeline confirmed");
}

static void
a_panel_itself_does_not_confirm_its_own_point(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.topic_device = "panel",
			 .sequence = 1,
			 .condition = FW_CONDITION_FIRE,
			 .point = 0});
	has_not(bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = 2,
				 .condition = FW_CONDITION_FIRE,
				 .point = 7}),
	    "confirmed");
	has(bench_say(b, (struct say){.topic_device = "panel",
			     .sequence = 3,
			     .condition = FW_CONDITION_FIRE,
			     .point = 8}),
	    "timeline confirmed");
}

static void
a_fire_in_a_site_with_a_fault_calls_anew(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FAULT});
	has(bench_say(b, fire(2)), "page guardian step 1");
	has(bench_flush(b), "incident smoke-1~1~1 fire triggers 2 alarms 2");
}

static void
gas_in_a_burning_site_leaves_the_fire_escalation_alone(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_say(b,
	    (struct say){.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_GAS});
	has(bench_wait(b, 61 * SECOND), "page head step 2");
}

/* ---------------------------------------------------------------- escalation and answers */

static void
steps_come_due_one_after_another(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, fire(1)), "page guardian step 1");
	has_not(bench_wait(b, 60 * SECOND - 1), "page head");
	has(bench_wait(b, 1), "page head step 2");
	has(bench_wait(b, 240 * SECOND), "page station step 3");
}

static void
an_acknowledgement_stops_what_is_queued(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_commit(b);
	bench_sent(b, NULL);
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE);
	has_not(bench_wait(b, 3600 * SECOND), "page ");
}

static void
a_new_alarm_on_an_acknowledged_incident_calls_again(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE);
	has(bench_say(b,
		(struct say){
		    .topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE}),
	    "page guardian step 1");
	has(bench_flush(b), "incident smoke-1~1~1 fire triggers 2 alarms 2");
}

static void
an_acknowledgement_that_crosses_a_new_trigger_does_not_silence_it(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_say(b,
	    (struct say){.topic_device = "smoke-3", .sequence = 1, .condition = FW_CONDITION_FIRE});
	bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE);
	has(bench_wait(b, 61 * SECOND), "page head step 2");
}

static void
a_verified_fire_tells_whoever_has_not_been_told(void **state)
{
	struct bench *b = *state;
	const char *trace;

	bench_say(b, fire(1));
	trace = bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_REAL_FIRE);
	has(trace, "page head step 2 force");
	has(trace, "page station step 3 force");
	has_not(trace, "page guardian");
	has(bench_commit(b), "send station");
}

static void
a_closed_incident_gives_way_and_a_lasting_alarm_opens_another(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_commit(b);
	bench_sent(b, NULL);
	bench_flush(b);
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_FALSE_ALARM);
	bench_wait(b, 599 * SECOND);
	has_not(bench_say(b, fire(2)), "page");
	bench_wait(b, 2 * SECOND);
	has(bench_say(b, fire(3)), "page guardian step 1");
	has(bench_flush(b), "incident smoke-1~1~3 fire triggers 1 alarms 1");
}

static void
test_mode_marks_but_does_not_hold_back(void **state)
{
	struct bench *b = *state;

	has(bench_say(b,
		(struct say){.sequence = 1, .condition = FW_CONDITION_FIRE, .mode = FW_MODE_TEST}),
	    "page guardian step 1");
	has(bench_commit(b), "send guardian test");
}

/* ---------------------------------------------------------------- pages */

static void
a_page_is_sent_when_its_claim_is_committed(void **state)
{
	struct bench *b = *state;

	has_not(bench_say(b, fire(1)), "send");
	has(bench_commit(b), "send guardian");
	has(bench_sent(b, NULL), "result guardian delivered");
}

static void
a_refused_claim_sends_nothing(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	assert_string_equal(bench_refuse_claims(b), "ask smoke-1~1~1\n");
	has_not(bench_wait(b, 30 * SECOND), "send");
}

static void
a_silent_database_does_not_hold_a_fire_back(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	has_not(bench_wait(b, 3 * SECOND - 1), "send");
	has(bench_wait(b, 1), "send guardian unclaimed");
	has(bench_sent(b, NULL), "result guardian delivered");
	has_not(bench_commit(b), "send");
}

static void
a_later_attempt_that_is_recorded_says_nothing_of_the_first(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	has(bench_wait(b, 3 * SECOND), "send guardian unclaimed");
	bench_commit(b);
	bench_sent(b, "HTTP 503");
	has(bench_wait(b, 2 * SECOND), "claim guardian attempt 2");
	has(bench_commit(b), "send guardian");
	has_not(b->trace, "unclaimed");
}

static void
a_failed_page_is_tried_again_and_then_given_up(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_commit(b);
	has(bench_sent(b, "HTTP 503"), "result guardian waiting");
	has(bench_wait(b, 2 * SECOND), "claim guardian attempt 2");
	bench_commit(b);
	has(bench_sent(b, "HTTP 503"), "result guardian waiting");
	has(bench_wait(b, 4 * SECOND), "claim guardian attempt 3");
	bench_commit(b);
	has(bench_sent(b, "HTTP 503"), "result guardian failed");
	has(b->trace, "page head step 0"); /* nobody was reached: the next on duty */
	has_not(bench_wait(b, 40 * SECOND), "guardian");
}

static void
an_acknowledgement_stops_the_retries(void **state)
{
	struct bench *b = *state;

	bench_say(b, fire(1));
	bench_commit(b);
	bench_sent(b, "HTTP 503");
	has(bench_act(b, "smoke-1~1~1", 1, 0, FW_VERDICT_NONE), "result guardian cancelled");
	assert_string_equal(bench_wait(b, 600 * SECOND), "");
}

static void
a_person_without_an_address_is_a_failed_page(void **state)
{
	struct bench *b = *state;

	has(bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FAULT}),
	    "page silent step 1");
	has(bench_commit(b), "result silent failed");
}

/* ---------------------------------------------------------------- receipts */

static Firewatch__V1__Receipt *
last_receipt(struct bench *b)
{
	Firewatch__V1__Receipt *r =
	    firewatch__v1__receipt__unpack(NULL, b->receipt_len, b->receipt);

	assert_non_null(r);
	assert_int_equal(r->n_entries, 1);
	return r;
}

static void
receipts_are_cumulative_with_exceptions_and_rejections(void **state)
{
	struct bench *b = *state;
	Firewatch__V1__Receipt *r;

	bench_say(b, (struct say){.sequence = 1});
	bench_say(b, (struct say){.sequence = 2});
	bench_say(b, (struct say){.sequence = 5});
	bench_say(b, (struct say){.sequence = 6, .condition = 99});
	has(bench_commit(b), "receipt smoke-1");
	r = last_receipt(b);
	assert_string_equal(r->entries[0]->device_id, "smoke-1");
	assert_int_equal(r->entries[0]->through_sequence, 2);
	assert_int_equal(r->entries[0]->n_also, 1);
	assert_int_equal(r->entries[0]->also[0], 5);
	assert_int_equal(r->entries[0]->n_rejected, 1);
	assert_int_equal(r->entries[0]->rejected[0]->sequence, 6);
	assert_int_equal(
	    r->entries[0]->rejected[0]->reason, FIREWATCH__V1__REASON__REASON_CONDITION);
	firewatch__v1__receipt__free_unpacked(r, NULL);
	bench_say(b, (struct say){.sequence = 3});
	bench_say(b, (struct say){.sequence = 4});
	bench_commit(b);
	r = last_receipt(b);
	assert_int_equal(r->entries[0]->through_sequence, 6);
	assert_int_equal(r->entries[0]->n_also, 0);
	firewatch__v1__receipt__free_unpacked(r, NULL);
}

static void
an_identity_that_is_not_believed_is_rejected_to_the_sender(void **state)
{
	struct bench *b = *state;
	Firewatch__V1__Receipt *r;

	bench_say(b, (struct say){.topic_device = "gateway", .device_id = "nobody", .sequence = 9});
	bench_commit(b);
	assert_string_equal(b->receipt_device, "gateway");
	r = last_receipt(b);
	assert_string_equal(r->entries[0]->device_id, "nobody");
	assert_int_equal(r->entries[0]->rejected[0]->sequence, 9);
	firewatch__v1__receipt__free_unpacked(r, NULL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(a_repeated_sequence_is_a_duplicate_and_changes_nothing),
	    test(another_boot_begins_anew),
	    test(the_boundaries_of_sequence_hold),
	    test(an_unknown_device_is_registered_once_and_its_fire_pages_the_division),
	    test(only_registered_children_may_be_spoken_for),
	    test(a_fire_in_a_refused_report_is_still_a_fire),
	    test(garbage_is_kept_with_its_reason),
	    test(every_condition_has_a_stated_outcome),
	    test(repeats_are_one_alarm_with_a_count),
	    test(a_restore_ends_the_alarm_but_an_older_one_does_not),
	    test(a_reset_ends_what_the_device_had_raised),
	    test(a_telemetry_report_with_an_event_is_promoted),
	    test(the_second_detector_of_a_zone_confirms_and_everybody_is_told),
	    test(a_later_detector_or_another_zone_does_not_confirm),
	    test(a_restored_detector_still_confirms_within_the_time),
	    test(a_panel_itself_does_not_confirm_its_own_point),
	    test(a_fire_in_a_site_with_a_fault_calls_anew),
	    test(gas_in_a_burning_site_leaves_the_fire_escalation_alone),
	    test(steps_come_due_one_after_another),
	    test(an_acknowledgement_stops_what_is_queued),
	    test(a_new_alarm_on_an_acknowledged_incident_calls_again),
	    test(an_acknowledgement_that_crosses_a_new_trigger_does_not_silence_it),
	    test(a_verified_fire_tells_whoever_has_not_been_told),
	    test(a_closed_incident_gives_way_and_a_lasting_alarm_opens_another),
	    test(test_mode_marks_but_does_not_hold_back),
	    test(a_page_is_sent_when_its_claim_is_committed),
	    test(a_refused_claim_sends_nothing),
	    test(a_silent_database_does_not_hold_a_fire_back),
	    test(a_later_attempt_that_is_recorded_says_nothing_of_the_first),
	    test(a_failed_page_is_tried_again_and_then_given_up),
	    test(an_acknowledgement_stops_the_retries),
	    test(a_person_without_an_address_is_a_failed_page),
	    test(receipts_are_cumulative_with_exceptions_and_rejections),
	    test(an_identity_that_is_not_believed_is_rejected_to_the_sender),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
