/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents that end, are merged or begin while something of them is under way still. */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"

#define HOUSES 5

static void
add_grid(struct fw_town *t)
{
	fw_rulebook_add_threshold(
	    fw_town_rulebook(t), &(struct fw_threshold){.who = {"", "", "", "", "", true},
				     .quantity = FW_QUANTITY_CO_PPM,
				     .class = FW_CLASS_GAS,
				     .raise = 100,
				     .clear = 50,
				     .delay_us = 120 * FW_S,
				     .reason = "CO"});
	fw_rulebook_add_kind(
	    fw_town_rulebook(t), &(struct fw_kind){.name = "meter", .missed = 3, .mains = true});
	fw_town_add_division(t, "330106109001002", "330106109001", "small", "grid");
	for (unsigned k = 1; k <= HOUSES; k++) {
		char site[32], device[32];

		snprintf(site, sizeof(site), "house-%u", k);
		snprintf(device, sizeof(device), "small-%u", k);
		assert_int_equal(fw_town_add_site(t, site, site, "330106109001002", "household",
				     "normal", "", ""),
		    0);
		fw_town_add_device(t, device, "", site, "hall", "meter", "", 0);
	}
	fw_town_add_policy(t, FW_CLASS_POWER, "household", "", 1, 0, "head", "webhook");
}

static struct fw_incident *
find_incident(struct bench *b, const char *id)
{
	return fw_strmap_get(&b->core->incidents, id, strlen(id));
}

static const char *
say(struct bench *b, const char *device, uint64_t sequence, uint32_t condition)
{
	return bench_say(
	    b, (struct say){.topic_device = device, .sequence = sequence, .condition = condition});
}

static const char *
say_over(struct bench *b, const char *device, uint64_t sequence, uint32_t condition)
{
	return bench_say(b, (struct say){.topic_device = device,
				.sequence = sequence,
				.condition = condition,
				.restored = true});
}

/* ---------------------------------------------------------------- merged */

/* The page of what is merged was to be tried again: nothing else holds the incident, but its row is
 * to be written. */
static void
test_merged_while_its_page_waits(void **state)
{
	struct bench *b = bench_new_with(add_grid);

	(void)state;
	say(b, "small-1", 1, FW_CONDITION_MAINS_LOST);
	bench_flush(b);
	bench_commit(b);
	bench_sent(b, "503");
	say(b, "smoke-1", 1, FW_CONDITION_FIRE);
	say(b, "small-2", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-3", 1, FW_CONDITION_MAINS_LOST);
	bench_wait(b, 0);
	assert_non_null(find_incident(b, "smoke-1~1~1"));
	assert_non_null(strstr(bench_flush(b), "incident small-1~1~1 power"));
	assert_null(find_incident(b, "small-1~1~1"));
	bench_wait(b, 61 * SECOND);
	bench_free(b);
}

static uint32_t
count_links(const struct fw_incident *i, const struct fw_alarm *of)
{
	uint32_t count = 0;

	for (const struct fw_alarm *a = i->alarms; a; a = a->incident_next) {
		assert_ptr_equal(a->incident, i);
		assert_ptr_equal(*a->incident_at, a);
		count += a == of;
	}
	return count;
}

/* So many alarms are in the division's incident, each once, and none in the third house's. */
static void
assert_area(struct bench *b, uint32_t alarms)
{
	struct fw_incident *area = fw_strmap_get(&b->core->open_incidents,
	    "area:330106109001002:power", strlen("area:330106109001002:power"));
	uint32_t linked = 0;

	assert_non_null(area);
	assert_int_equal(area->trigger_count, 1);
	for (const struct fw_alarm *a = area->alarms; a; a = a->incident_next) {
		assert_int_equal(count_links(area, a), 1);
		linked++;
	}
	assert_int_equal(linked, alarms);
	assert_int_equal(area->linked_alarms, alarms);
	assert_int_equal(area->raised_alarms, alarms);
	assert_null(fw_strmap_get(&b->core->open_incidents, "house-3", strlen("house-3")));
}

/* The others are worse and stay: it begins with the third, whose alarm had an incident before it
 * lost its mains. */
static void
test_area_of_one_that_has_its_incident(void **state)
{
	struct bench *b = bench_new_with(add_grid);
	static const char *const worse[] = {"small-1", "small-2"};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		say(b, worse[k], 1, FW_CONDITION_FAULT);
		say(b, worse[k], 2, FW_CONDITION_MAINS_LOST);
	}
	say(b, "small-3", 1, FW_CONDITION_BATTERY_LOW);
	say(b, "small-3", 2, FW_CONDITION_MAINS_LOST);
	assert_area(b, 1);
	say_over(b, "small-3", 3, FW_CONDITION_MAINS_LOST);
	say_over(b, "small-3", 4, FW_CONDITION_BATTERY_LOW);
	bench_flush(b);
	bench_act(b, "area~330106109001002~power~small-3~1~2", 1, 1, FW_VERDICT_UNKNOWN);
	bench_flush(b);
	for (uint64_t s = 5; s < 40; s++)
		say(b, "small-3", s, FW_CONDITION_FIRE);
	bench_free(b);
}

/* … or with another one: what made it enough comes too. */
static void
test_area_that_one_with_an_incident_makes(void **state)
{
	struct bench *b = bench_new_with(add_grid);

	(void)state;
	say(b, "small-1", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-2", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-3", 1, FW_CONDITION_BATTERY_LOW);
	say(b, "small-3", 2, FW_CONDITION_MAINS_LOST);
	assert_area(b, 3);
	bench_free(b);
}

static void
keep_key(const struct fw_action *action, void *context)
{
	if (action->type == FW_ACT_TIMELINE && strcmp(action->u.timeline->kind, "restored") == 0)
		snprintf(context, 64, "%s", action->u.timeline->key);
}

/* One more joins, and is restored: the timeline's line is another one. */
static void
test_all_of_an_area_are_restored_twice(void **state)
{
	struct bench *b = bench_new_with(add_grid);
	char first[64] = "", second[64] = "";

	(void)state;
	say(b, "small-1", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-2", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-3", 1, FW_CONDITION_MAINS_LOST);
	say_over(b, "small-1", 2, FW_CONDITION_MAINS_LOST);
	say_over(b, "small-2", 2, FW_CONDITION_MAINS_LOST);
	b->seen = keep_key;
	b->context = first;
	say_over(b, "small-3", 2, FW_CONDITION_MAINS_LOST);
	b->context = second;
	say(b, "small-4", 1, FW_CONDITION_MAINS_LOST);
	say_over(b, "small-4", 2, FW_CONDITION_MAINS_LOST);
	assert_int_equal(strncmp(first, "all_restored:", strlen("all_restored:")), 0);
	assert_int_equal(strncmp(second, "all_restored:", strlen("all_restored:")), 0);
	assert_string_not_equal(first, second);
	b->seen = NULL;
	bench_free(b);
}

/* ---------------------------------------------------------------- repeated */

#define FIRE_PUMP 91

static const struct fw_alarm *
say_of_pump(struct bench *b, uint64_t sequence, uint32_t condition)
{
	bench_say(b, (struct say){.topic_device = "panel",
			 .sequence = sequence,
			 .condition = condition,
			 .component_type = FIRE_PUMP});
	return fw_alarm_raised(
	    b->core, fw_core_device(b->core, "panel", "330106109001"), 0, FW_CLASS_POWER);
}

/* One that is graver tells how grave it is and why, one that is not changes nothing. */
static void
test_graver_condition_of_the_same_alarm(void **state)
{
	struct bench *b = bench_new();
	const struct fw_alarm *a;

	(void)state;
	a = say_of_pump(b, 1, FW_CONDITION_BATTERY_LOW);
	assert_int_equal(a->severity, FW_SEVERITY_WARNING);
	bench_flush(b);
	a = say_of_pump(b, 2, FW_CONDITION_MAINS_LOST);
	assert_int_equal(a->severity, FW_SEVERITY_MAJOR);
	assert_string_equal(a->reason, "a fire pump has no mains: it will not start");
	assert_int_equal(a->incident->severity, FW_SEVERITY_MAJOR);
	assert_non_null(strstr(bench_flush(b), "incident panel~1~1 power"));
	a = say_of_pump(b, 3, FW_CONDITION_BATTERY_LOW);
	assert_int_equal(a->severity, FW_SEVERITY_MAJOR);
	assert_string_equal(a->reason, "a fire pump has no mains: it will not start");
	bench_free(b);
}

/* ---------------------------------------------------------------- what lasts */

static const char *
say_gas(struct bench *b, const char *device, uint64_t sequence, uint32_t condition)
{
	return bench_say(b, (struct say){.topic_device = device,
				.sequence = sequence,
				.condition = condition,
				.quantity = FW_QUANTITY_CO_PPM,
				.value = 150});
}

/* Its first report has opened an incident too, which a person has closed meanwhile. */
static void
test_lasting_gas_of_a_report_that_is_closed(void **state)
{
	struct bench *b = bench_new_with(add_grid);
	const char *trace;

	(void)state;
	say_gas(b, "smoke-1", 1, FW_CONDITION_FAULT);
	bench_flush(b);
	bench_commit(b);
	bench_wait(b, 60 * SECOND);
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_MAINTENANCE);
	bench_flush(b);
	trace = bench_wait(b, 61 * SECOND);
	assert_int_equal(count_lines(trace, "timeline trigger"), 1);
	assert_non_null(find_incident(b, "smoke-1~1~1~q13.gas"));
	/* A person's answer to the one is none to the other. */
	bench_act(b, "smoke-1~1~1", 1, 1, FW_VERDICT_MAINTENANCE);
	assert_non_null(strstr(bench_commit(b), "send "));
	bench_free(b);
}

/* … or which is part of its division's by now. */
static void
test_lasting_gas_of_a_report_that_is_merged(void **state)
{
	struct bench *b = bench_new_with(add_grid);

	(void)state;
	say_gas(b, "small-1", 1, FW_CONDITION_MAINS_LOST);
	bench_flush(b);
	bench_commit(b);
	say(b, "small-2", 1, FW_CONDITION_MAINS_LOST);
	say(b, "small-3", 1, FW_CONDITION_MAINS_LOST);
	assert_non_null(strstr(bench_flush(b), "incident small-1~1~1 power"));
	bench_commit(b);
	assert_int_equal(count_lines(bench_wait(b, 121 * SECOND), "timeline opened"), 1);
	assert_non_null(find_incident(b, "small-1~1~1~q13.gas"));
	bench_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_merged_while_its_page_waits),
	    cmocka_unit_test(test_area_of_one_that_has_its_incident),
	    cmocka_unit_test(test_area_that_one_with_an_incident_makes),
	    cmocka_unit_test(test_all_of_an_area_are_restored_twice),
	    cmocka_unit_test(test_graver_condition_of_the_same_alarm),
	    cmocka_unit_test(test_lasting_gas_of_a_report_that_is_closed),
	    cmocka_unit_test(test_lasting_gas_of_a_report_that_is_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
