/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the order and repetition in which the reports of a boot come, what is raised in the end
 * is what their sequences say, and no emergency among them goes unrecorded or uncalled.
 */
#include "core_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "random.h"

#define RUNS 300
#define REPORTS 60
#define POINTS 3

static const char *const devices[] = {"smoke-1", "smoke-2", "panel"};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

static const uint32_t conditions[] = {FW_CONDITION_FIRE, FW_CONDITION_MANUAL_CALL, FW_CONDITION_GAS,
    FW_CONDITION_FAULT, FW_CONDITION_PRE_ALARM, FW_CONDITION_BATTERY_LOW, FW_CONDITION_MAINS_LOST};
#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

struct script {
	struct say says[DEVICES * REPORTS];
	size_t count;
};

static struct say
something(size_t device, uint64_t sequence)
{
	return (struct say){
	    .topic_device = devices[device],
	    .sequence = sequence,
	    .condition =
		random_below(12) == 0 ? FW_CONDITION_RESET : conditions[random_below(CONDITIONS)],
	    .restored = random_below(2) == 0,
	    .point = (uint32_t)random_below(POINTS),
	    .telemetry = random_below(4) == 0,
	};
}

static void
write_script(struct script *s)
{
	s->count = 0;
	for (size_t d = 0; d < DEVICES; d++)
		for (uint64_t k = 1; k <= REPORTS; k++)
			s->says[s->count++] = something(d, k);
}

static void
shuffle(struct script *s)
{
	for (size_t k = s->count - 1; k > 0; k--) {
		size_t other = random_below(k + 1);
		struct say say = s->says[k];

		s->says[k] = s->says[other];
		s->says[other] = say;
	}
}

/* What the sequences say: the last word about a condition at a point, a reset being one about all
 * of them. */
static bool
should_hold(const struct script *s, const char *device, uint32_t point, uint32_t condition)
{
	uint64_t last = 0;
	bool raised = false;

	for (size_t k = 0; k < s->count; k++) {
		const struct say *say = &s->says[k];
		bool is_reset = say->condition == FW_CONDITION_RESET && !say->restored &&
				(say->point == 0 || say->point == point);

		if (strcmp(say->topic_device, device) != 0 || say->sequence <= last ||
		    (!is_reset && (say->condition != condition || say->point != point)))
			continue;
		last = say->sequence;
		raised = !is_reset && !say->restored;
	}
	return raised;
}

static bool
holds(const struct bench *b, const char *device, uint32_t point, uint32_t condition)
{
	const struct fw_device *d = fw_idset_get(&b->core->devices, device, strlen(device));

	for (const struct fw_alarm *a = d ? d->alarms : NULL; a; a = a->device_next)
		if (a->point == point && fw_alarm_held_by(a, condition))
			return true;
	return false;
}

static void
check_end(const struct bench *b, const struct script *s)
{
	for (size_t d = 0; d < DEVICES; d++)
		for (uint32_t point = 0; point < POINTS; point++)
			for (size_t c = 0; c < CONDITIONS; c++)
				if (holds(b, devices[d], point, conditions[c]) !=
				    should_hold(s, devices[d], point, conditions[c]))
					fail_msg("%s point %u: condition %u is %s", devices[d],
					    point, conditions[c],
					    should_hold(s, devices[d], point, conditions[c])
						? "not held"
						: "held");
}

/* Of an emergency that was raised just now there is an alarm that counts it, or one of its own that
 * is over already, in an incident that calls somebody. */
static void
check_emergency(struct bench *b, const struct say *say)
{
	const struct fw_device *d =
	    fw_idset_get(&b->core->devices, say->topic_device, strlen(say->topic_device));
	const char *key = fw_incident_key(b->core, d);
	const struct fw_incident *i = fw_strmap_get(&b->core->open_incidents, key, strlen(key));
	bool found = false;
	char name[64];

	assert_non_null(i);
	assert_true(i->trigger_count > 0 && i->steps);
	snprintf(name, sizeof(name), "%s~1~%llu~0", say->topic_device,
	    (unsigned long long)say->sequence);
	for (const struct fw_alarm *a = i->alarms; a && !found; a = a->incident_next)
		found = strcmp(a->id, name) == 0 ||
			(a->device == d && a->point == say->point && !a->restored_at_us &&
			    fw_class_is_emergency(a->class) && a->last_seen_us == b->now_us);
	assert_true(found);
}

static bool
is_emergency(const struct say *say)
{
	return !say->restored &&
	       (say->condition == FW_CONDITION_FIRE || say->condition == FW_CONDITION_MANUAL_CALL ||
		   say->condition == FW_CONDITION_GAS);
}

static void
deliver(struct bench *b, const struct script *s)
{
	for (size_t k = 0; k < s->count; k++) {
		struct fw_core_counters before, after;

		bench_wait(b, (int64_t)random_below(3) * SECOND);
		bench_say(b, s->says[k]);
		if (is_emergency(&s->says[k]))
			check_emergency(b, &s->says[k]);
		if (random_below(4) == 0) {
			fw_core_counters(b->core, &before);
			bench_say(b, s->says[random_below(k + 1)]);
			fw_core_counters(b->core, &after);
			assert_int_equal(before.alarms_opened, after.alarms_opened);
			assert_int_equal(before.pages, after.pages);
		}
		if (random_below(8) == 0) {
			bench_flush(b);
			bench_commit(b);
			bench_sent(b, NULL);
		}
	}
}

static void
the_sequences_decide_not_the_order(void **state)
{
	static struct script script;

	(void)state;
	random_begin("core_order_test");
	for (int run = 0; run < RUNS; run++) {
		struct bench *b = bench_new();

		write_script(&script);
		if (run % 4)
			shuffle(&script);
		deliver(b, &script);
		bench_wait(b, 61 * SECOND); /* a restore of what chatters is held back */
		check_end(b, &script);
		bench_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_sequences_decide_not_the_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
