/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that are not believed: the fire and gas in them are, and nothing else. */
#include "core_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define GAS FW_QUANTITY_GAS_PERCENT_LEL
#define SMOKE FW_QUANTITY_SMOKE_DB_PER_M
#define TEMPERATURE FW_QUANTITY_TEMPERATURE_CELSIUS
#define CURRENT FW_QUANTITY_RESIDUAL_CURRENT_MA
#define UNKNOWN_CONDITION 77

static void
add_thresholds(struct fw_town *t)
{
	static const struct fw_threshold all[] = {
	    {.quantity = GAS, .class = FW_CLASS_GAS, .raise = 10, .clear = 5},
	    {.quantity = GAS, .class = FW_CLASS_PRE_ALARM, .raise = 5, .clear = 3},
	    {.quantity = SMOKE,
		.class = FW_CLASS_FIRE,
		.raise = 0.5,
		.clear = 0.3,
		.delay_us = 30 * FW_S},
	    {.quantity = TEMPERATURE,
		.class = FW_CLASS_FIRE,
		.raise = 10,
		.clear = 1,
		.window_us = 60 * FW_S},
	    {.quantity = CURRENT, .class = FW_CLASS_ELECTRICAL, .raise = 500, .clear = 400},
	};

	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		struct fw_threshold row = all[k];

		row.who = (struct fw_selector){"", "", "", "", "", true};
		row.reason = "too much";
		fw_rulebook_add_threshold(fw_town_rulebook(t), &row);
	}
}

static int
set_up(void **state)
{
	*state = bench_new_with(add_thresholds);
	return 0;
}

static int
tear_down(void **state)
{
	bench_free(*state);
	return 0;
}

static const struct fw_alarm *
raised(struct bench *b, const char *device, enum fw_class class)
{
	return fw_alarm_raised(b->core, fw_core_device(b->core, device, "330106109001"), 0, class);
}

static const char *
say_refused(struct bench *b, uint64_t sequence, int32_t quantity, double value)
{
	return bench_say(b, (struct say){.sequence = sequence,
				.condition = UNKNOWN_CONDITION,
				.quantity = quantity,
				.value = value});
}

static const char *
say_reading(struct bench *b, uint64_t sequence, int32_t quantity, double value)
{
	return bench_say(
	    b, (struct say){.sequence = sequence, .quantity = quantity, .value = value});
}

static void
test_gas_by_a_reading(void **state)
{
	struct bench *b = *state;
	const char *trace = say_refused(b, 1, GAS, 60);
	const struct fw_alarm *a = raised(b, "smoke-1", FW_CLASS_GAS);

	assert_non_null(strstr(trace, "quarantine smoke-1 0 condition"));
	assert_non_null(strstr(trace, "page "));
	assert_non_null(a);
	assert_non_null(strstr(a->data, "refused"));
	assert_null(raised(b, "smoke-1", FW_CLASS_PRE_ALARM));
	/* What is believed ends it. */
	say_reading(b, 2, GAS, 1);
	assert_null(raised(b, "smoke-1", FW_CLASS_GAS));
}

/* The next report may be refused too: there is no waiting for it. */
static void
test_smoke_that_would_have_to_last(void **state)
{
	struct bench *b = *state;

	say_refused(b, 1, SMOKE, 0.6);
	assert_non_null(raised(b, "smoke-1", FW_CLASS_FIRE));
	bench_wait(b, 60 * SECOND);
	say_reading(b, 2, SMOKE, 0.1);
	assert_null(raised(b, "smoke-1", FW_CLASS_FIRE));
}

/* Beside what lasts already: that stays as it is, and ends as ever. */
static void
test_smoke_beside_what_is_to_last(void **state)
{
	struct bench *b = *state;

	say_reading(b, 1, SMOKE, 0.6);
	say_refused(b, 2, SMOKE, 0.6);
	assert_non_null(raised(b, "smoke-1", FW_CLASS_FIRE));
	assert_int_equal(
	    count_lines(say_reading(b, 3, SMOKE, 0.1), "watch smoke_db_per_m fire cleared"), 1);
	assert_null(raised(b, "smoke-1", FW_CLASS_FIRE));
	assert_null(strstr(bench_wait(b, 60 * SECOND), "timeline alarm"));
}

static void
test_what_is_no_emergency(void **state)
{
	struct bench *b = *state;

	assert_null(strstr(say_refused(b, 1, CURRENT, 600), "timeline"));
	assert_null(strstr(say_refused(b, 2, GAS, 6), "timeline"));
	say_reading(b, 3, TEMPERATURE, 20); /* its change cannot be told */
	assert_null(strstr(say_refused(b, 4, TEMPERATURE, 60), "timeline"));
	assert_null(strstr(say_refused(b, 5, 99, 60), "timeline"));
}

static void
say_two(struct bench *b, double first, double second, size_t cut)
{
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
	Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT, other = report,
			      *reports[] = {&report, &other};
	Firewatch__V1__Reading readings[] = {
	    FIREWATCH__V1__READING__INIT, FIREWATCH__V1__READING__INIT};
	Firewatch__V1__Reading *two[] = {&readings[0], &readings[1]};
	uint8_t bytes[256];
	struct fw_message m = {.journal = 1,
	    .received_at_us = b->now_us,
	    .topic = "fire/v1/330106109001/smoke-1/telemetry",
	    .lane = FW_LANE_TELEMETRY,
	    .payload = bytes};

	readings[0].quantity = (Firewatch__V1__Quantity)CURRENT;
	readings[0].value = first;
	readings[1].quantity = (Firewatch__V1__Quantity)GAS;
	readings[1].value = second;
	report.boot_id = other.boot_id = 1;
	report.sequence = 1;
	other.sequence = 2;
	report.readings = two;
	report.n_readings = 2;
	uplink.reports = reports;
	uplink.n_reports = 2;
	m.topic_len = strlen(m.topic);
	m.payload_len = firewatch__v1__uplink__pack(&uplink, bytes) - cut;
	m.original_len = m.payload_len + cut;
	fw_core_message(b->core, &m, b->now_us);
}

/* One sensor of it is broken, another one smells gas. */
static void
test_beside_what_is_no_number(void **state)
{
	struct bench *b = *state;

	say_two(b, NAN, NAN, 0);
	assert_null(raised(b, "smoke-1", FW_CLASS_GAS));
	bench_restart(b);
	say_two(b, NAN, 60, 0);
	assert_non_null(raised(b, "smoke-1", FW_CLASS_GAS));
}

static void
test_in_a_message_that_was_cut(void **state)
{
	struct bench *b = *state;

	say_two(b, 600, 60, 2);
	assert_non_null(raised(b, "smoke-1", FW_CLASS_GAS));
	assert_null(raised(b, "smoke-1", FW_CLASS_ELECTRICAL));
}

/* ---------------------------------------------------------------- strangers */

static void
say_stranger(struct bench *b, uint64_t sequence)
{
	bench_say(b, (struct say){.topic_device = "gateway",
			 .device_id = "nobody",
			 .sequence = sequence,
			 .condition = FW_CONDITION_FIRE});
}

static void
say_gateway(struct bench *b, uint64_t sequence, bool restored)
{
	bench_say(b, (struct say){.topic_device = "gateway",
			 .sequence = sequence,
			 .condition = FW_CONDITION_FIRE,
			 .restored = restored});
}

/* Its sequence is none of its sender's: neither what that has said before nor what it says later is
 * judged by it. */
static void
test_sequence_of_a_stranger(void **state)
{
	struct bench *b = *state;

	say_gateway(b, 100, true);
	say_stranger(b, 5);
	assert_non_null(raised(b, "gateway", FW_CLASS_FIRE));
	say_stranger(b, 1000000);
	say_gateway(b, 101, true);
	assert_null(raised(b, "gateway", FW_CLASS_FIRE));
}

/* … nor does it make its sender's own word older than it is. */
static void
test_stranger_beside_its_sender(void **state)
{
	struct bench *b = *state;

	say_gateway(b, 100, false);
	say_stranger(b, 5);
	say_gateway(b, 99, true);
	assert_non_null(raised(b, "gateway", FW_CLASS_FIRE));
	assert_int_equal(raised(b, "gateway", FW_CLASS_FIRE)->raised_sequence, 100);
	say_gateway(b, 101, true);
	assert_null(raised(b, "gateway", FW_CLASS_FIRE));
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    test(test_gas_by_a_reading),
	    test(test_smoke_that_would_have_to_last),
	    test(test_smoke_beside_what_is_to_last),
	    test(test_what_is_no_emergency),
	    test(test_beside_what_is_no_number),
	    test(test_in_a_message_that_was_cut),
	    test(test_sequence_of_a_stranger),
	    test(test_stranger_beside_its_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
