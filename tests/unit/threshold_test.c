/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds on readings, in virtual time: each rule beside its opposite, and any order of
 * delivery. */
#include "core_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "core/watched.h"
#include "random.h"

#define has(trace, line) assert_int_equal(count_lines((trace), (line)), 1)
#define has_not(trace, word) assert_null(strstr((trace), (word)))
#define MOMENT_S 0.000001

#define TEMPERATURE FW_QUANTITY_TEMPERATURE_CELSIUS
#define CURRENT FW_QUANTITY_RESIDUAL_CURRENT_MA
#define PRESSURE FW_QUANTITY_PRESSURE_KPA
#define LEVEL FW_QUANTITY_LEVEL_M
#define HUMIDITY FW_QUANTITY_HUMIDITY_PERCENT
#define BATTERY FW_QUANTITY_BATTERY_PERCENT
#define SIGNAL FW_QUANTITY_SIGNAL_DBM

#define S(seconds) ((seconds)*SECOND)

static const struct fw_threshold standard[] = {
    {.quantity = TEMPERATURE, .class = FW_CLASS_FIRE, .raise = 70, .clear = 60},
    {.quantity = TEMPERATURE, .class = FW_CLASS_PRE_ALARM, .raise = 55, .clear = 50},
    {.quantity = TEMPERATURE, .class = FW_CLASS_FAULT, .below = true, .raise = -10, .clear = -5},
    {.quantity = CURRENT,
	.class = FW_CLASS_ELECTRICAL,
	.raise = 500,
	.clear = 400,
	.delay_us = S(30)},
    {.quantity = PRESSURE,
	.class = FW_CLASS_SUPERVISORY,
	.below = true,
	.raise = 70,
	.clear = 80,
	.delay_us = S(10)},
    {.quantity = PRESSURE, .class = FW_CLASS_SUPERVISORY, .raise = 1600, .clear = 1500},
    {.quantity = LEVEL, .class = FW_CLASS_PRE_ALARM, .raise = 20, .clear = 8, .window_us = S(600)},
    {.quantity = LEVEL,
	.class = FW_CLASS_FAULT,
	.below = true,
	.raise = -30,
	.clear = -10,
	.window_us = S(600)},
    {.quantity = BATTERY, .class = FW_CLASS_POWER, .below = true, .raise = 20, .clear = 30},
    {.quantity = SIGNAL, .class = FW_CLASS_FAULT, .below = true, .raise = -120, .clear = -110},
    /* who each is for, the least particular last */
    {.who = {.device = "smoke-1"}, .quantity = HUMIDITY, .class = FW_CLASS_FAULT, .raise = 10},
    {.who = {.site = "home"}, .quantity = HUMIDITY, .class = FW_CLASS_FAULT, .raise = 20},
    {.who = {.kind = "smoke_alarm", .category = "small_shop"},
	.quantity = HUMIDITY,
	.class = FW_CLASS_FAULT,
	.raise = 30},
    {.who = {.kind = "smoke_alarm"}, .quantity = HUMIDITY, .class = FW_CLASS_FAULT, .raise = 40},
    {.who = {.category = "small_shop", .risk = "normal"},
	.quantity = HUMIDITY,
	.class = FW_CLASS_FAULT,
	.raise = 50},
    {.who = {.kind = "gateway"}, .quantity = HUMIDITY, .class = FW_CLASS_FAULT, .off = true},
    {.who = {.town = true}, .quantity = HUMIDITY, .class = FW_CLASS_FAULT, .raise = 60},
    {.quantity = HUMIDITY, .class = FW_CLASS_FAULT, .raise = 70},
    /* a risk alone */
    {.quantity = FW_QUANTITY_CO_PPM, .class = FW_CLASS_GAS, .raise = 100, .clear = 50},
    {.who = {.risk = "high"},
	.quantity = FW_QUANTITY_CO_PPM,
	.class = FW_CLASS_GAS,
	.raise = 40,
	.clear = 20},
};

static void
rules(struct fw_town *t)
{
	for (size_t k = 0; k < sizeof(standard) / sizeof(standard[0]); k++) {
		struct fw_threshold row = standard[k];

		row.reason = "too much";
		row.who.kind = row.who.kind ? row.who.kind : "";
		row.who.category = row.who.category ? row.who.category : "";
		row.who.risk = row.who.risk ? row.who.risk : "";
		row.who.site = row.who.site ? row.who.site : "";
		row.who.device = row.who.device ? row.who.device : "";
		fw_rulebook_add_threshold(fw_town_rulebook(t), &row);
	}
	fw_rulebook_set_level(fw_town_rulebook(t), FW_LEVEL_HIGHEST,
	    &(struct fw_level){
		.timeout_percent = 50, .pre_alarm_is_alarm = true, .extra_role = ""});
	assert_int_equal(
	    fw_town_add_protection(t, "330106", FW_LEVEL_HIGHEST, NOON + S(7200), NOON + S(7300)),
	    0);
}

static void
no_rules(struct fw_town *t)
{
	(void)t;
}

static int
setup(void **state)
{
	*state = bench_new_with(rules);
	return 0;
}

static int
teardown(void **state)
{
	bench_free(*state);
	return 0;
}

static const struct fw_alarm *
raised(const struct bench *b, const char *device, uint32_t point, enum fw_class class)
{
	const struct fw_device *d = fw_idset_get(&b->core->devices, device, strlen(device));

	return d ? fw_alarm_raised(b->core, d, point, class) : NULL;
}

static const char *
measure(struct bench *b, uint64_t sequence, int32_t quantity, double value)
{
	struct say what = {.sequence = sequence, .quantity = quantity, .value = value};

	what.telemetry = true;
	if (quantity == BATTERY) {
		what.quantity = 0;
		what.battery_percent = (uint32_t)value;
	} else if (quantity == SIGNAL) {
		what.quantity = 0;
		what.signal_dbm = (int32_t)value;
	}
	return bench_say(b, what);
}

/* ---------------------------------------------------------------- tables */

#define STEPS 6
#define END -1

/* Readings of one quantity in the order of their sequences, and what is raised in the end. */
static const struct course {
	const char *what;
	int32_t quantity;
	enum fw_class class;
	struct {
		double at_s, value;
	} steps[STEPS]; /* at_s END: no more; then time passes until `until_s` */
	double until_s;
	bool is_raised;
	unsigned opened; /* alarms in all, of whatever class */
} courses[] = {
    {"just below", TEMPERATURE, FW_CLASS_FIRE, {{0, 69.999}, {END, 0}}, 0, false, 1},
    {"just at it", TEMPERATURE, FW_CLASS_FIRE, {{0, 70}, {END, 0}}, 0, true, 2},
    {"just above", TEMPERATURE, FW_CLASS_FIRE, {{0, 70.001}, {END, 0}}, 0, true, 2},
    {"between: stays raised", TEMPERATURE, FW_CLASS_FIRE, {{0, 71}, {1, 60.001}, {END, 0}}, 1, true,
	2},
    {"just back", TEMPERATURE, FW_CLASS_FIRE, {{0, 71}, {1, 60}, {END, 0}}, 1, false, 2},
    {"between: stays back", TEMPERATURE, FW_CLASS_FIRE, {{0, 71}, {1, 60}, {2, 69}, {END, 0}}, 2,
	false, 2},
    {"and again", TEMPERATURE, FW_CLASS_FIRE, {{0, 71}, {1, 60}, {2, 71}, {END, 0}}, 2, true, 3},
    {"the fire is over, the pre-alarm stays", TEMPERATURE, FW_CLASS_PRE_ALARM,
	{{0, 71}, {1, 58}, {END, 0}}, 1, true, 2},
    {"… until it is back too", TEMPERATURE, FW_CLASS_PRE_ALARM, {{0, 71}, {1, 50}, {END, 0}}, 1,
	false, 2},
    {"a pre-alarm alone", TEMPERATURE, FW_CLASS_PRE_ALARM, {{0, 55}, {END, 0}}, 0, true, 1},
    {"above it, below", TEMPERATURE, FW_CLASS_FAULT, {{0, -9.999}, {END, 0}}, 0, false, 0},
    {"at it, below", TEMPERATURE, FW_CLASS_FAULT, {{0, -10}, {END, 0}}, 0, true, 1},
    {"between, below", TEMPERATURE, FW_CLASS_FAULT, {{0, -10}, {1, -5.001}, {END, 0}}, 1, true, 1},
    {"back, below", TEMPERATURE, FW_CLASS_FAULT, {{0, -10}, {1, -5}, {END, 0}}, 1, false, 1},
    {"just before its delay", CURRENT, FW_CLASS_ELECTRICAL, {{0, 500}, {END, 0}}, 30 - MOMENT_S,
	false, 0},
    {"at its delay, though nothing more comes", CURRENT, FW_CLASS_ELECTRICAL, {{0, 500}, {END, 0}},
	30, true, 1},
    {"back just before its delay", CURRENT, FW_CLASS_ELECTRICAL,
	{{0, 500}, {30 - MOMENT_S, 400}, {END, 0}}, 120, false, 0},
    {"back just behind its delay", CURRENT, FW_CLASS_ELECTRICAL, {{0, 500}, {30, 400}, {END, 0}},
	120, false, 1},
    {"between is not back", CURRENT, FW_CLASS_ELECTRICAL, {{0, 500}, {29, 401}, {END, 0}}, 30, true,
	1},
    {"between is not over", CURRENT, FW_CLASS_ELECTRICAL, {{0, 499}, {40, 499}, {END, 0}}, 120,
	false, 0},
    {"the delay begins anew when it was back", CURRENT, FW_CLASS_ELECTRICAL,
	{{0, 500}, {20, 400}, {25, 500}, {END, 0}}, 55 - MOMENT_S, false, 0},
    {"… and ends", CURRENT, FW_CLASS_ELECTRICAL, {{0, 500}, {20, 400}, {25, 500}, {END, 0}}, 55,
	true, 1},
    {"a delay, below", PRESSURE, FW_CLASS_SUPERVISORY, {{0, 70}, {END, 0}}, 10 - MOMENT_S, false,
	0},
    {"… and behind it", PRESSURE, FW_CLASS_SUPERVISORY, {{0, 70}, {END, 0}}, 10, true, 1},
    {"both sides of one class: the other one", PRESSURE, FW_CLASS_SUPERVISORY,
	{{0, 70}, {11, 1600}, {END, 0}}, 11, true, 1},
    {"… and neither", PRESSURE, FW_CLASS_SUPERVISORY, {{0, 70}, {11, 1600}, {12, 90}, {END, 0}}, 12,
	false, 1},
    {"rises a little less", LEVEL, FW_CLASS_PRE_ALARM, {{0, 5}, {300, 24.999}, {END, 0}}, 300,
	false, 0},
    {"rises enough", LEVEL, FW_CLASS_PRE_ALARM, {{0, 5}, {299, 25}, {END, 0}}, 299, true, 1},
    {"rises enough, in more than the window", LEVEL, FW_CLASS_PRE_ALARM,
	{{0, 5}, {601, 25}, {END, 0}}, 601, false, 0},
    {"rises steadily, enough in the window", LEVEL, FW_CLASS_PRE_ALARM,
	{{0, 5}, {180, 12}, {350, 19}, {524, 25}, {END, 0}}, 524, true, 1},
    {"rises steadily, less", LEVEL, FW_CLASS_PRE_ALARM,
	{{0, 5}, {400, 12}, {800, 19}, {1200, 26}, {END, 0}}, 1200, false, 0},
    {"rose, and rests there", LEVEL, FW_CLASS_PRE_ALARM, {{0, 5}, {1, 25}, {700, 25}, {END, 0}},
	700, false, 1},
    {"rose, and rises on a little", LEVEL, FW_CLASS_PRE_ALARM,
	{{0, 5}, {1, 25}, {700, 25}, {800, 34}, {END, 0}}, 800, false, 1},
    {"falls enough is no rise", LEVEL, FW_CLASS_PRE_ALARM, {{0, 50}, {1, 10}, {END, 0}}, 1, false,
	1},
    {"falls enough", LEVEL, FW_CLASS_FAULT, {{0, 50}, {1, 20}, {END, 0}}, 1, true, 1},
    {"falls a little less", LEVEL, FW_CLASS_FAULT, {{0, 50}, {1, 20.001}, {END, 0}}, 1, false, 0},
    {"battery above", BATTERY, FW_CLASS_POWER, {{0, 21}, {END, 0}}, 0, false, 0},
    {"battery at it", BATTERY, FW_CLASS_POWER, {{0, 20}, {END, 0}}, 0, true, 1},
    {"battery back", BATTERY, FW_CLASS_POWER, {{0, 20}, {1, 30}, {END, 0}}, 1, false, 1},
    {"battery unknown", BATTERY, FW_CLASS_POWER, {{0, 0}, {END, 0}}, 0, false, 0},
    {"signal above", SIGNAL, FW_CLASS_FAULT, {{0, -119}, {END, 0}}, 0, false, 0},
    {"signal at it", SIGNAL, FW_CLASS_FAULT, {{0, -120}, {END, 0}}, 0, true, 1},
    {"signal unknown", SIGNAL, FW_CLASS_FAULT, {{0, 0}, {END, 0}}, 0, false, 0},
};

static void
wait_until(struct bench *b, double at_s)
{
	int64_t at_us = NOON + (int64_t)(at_s * (double)SECOND + 0.5);

	if (at_us > b->now_us)
		bench_wait(b, at_us - b->now_us);
}

static void
each_rule_and_its_opposite(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(courses) / sizeof(courses[0]); k++) {
		const struct course *c = &courses[k];
		struct bench *b = bench_new_with(rules);

		for (uint64_t n = 0; c->steps[n].at_s >= 0; n++) {
			wait_until(b, c->steps[n].at_s);
			measure(b, n + 1, c->quantity, c->steps[n].value);
		}
		wait_until(b, c->until_s);
		if ((raised(b, "smoke-1", 0, c->class) != NULL) != c->is_raised)
			fail_msg("%s: is%s raised", c->what, c->is_raised ? " not" : "");
		if (b->core->counters.alarms_opened != c->opened)
			fail_msg("%s: %llu alarms", c->what,
			    (unsigned long long)b->core->counters.alarms_opened);
		bench_free(b);
	}
}

static const struct {
	const char *device, *child;
	double raise; /* INFINITY: off */
	int32_t quantity;
	const char *rule;
} particular[] = {
    {"smoke-1", "", 10, HUMIDITY, "threshold humidity_percent of device smoke-1"},
    {"smoke-2", "", 20, HUMIDITY, "threshold humidity_percent of site home"},
    {"gateway", "child", 30, HUMIDITY,
	"threshold humidity_percent of kind smoke_alarm, category small_shop"},
    {"panel", "", 50, HUMIDITY, "threshold humidity_percent of category small_shop, risk normal"},
    {"gateway", "", INFINITY, HUMIDITY, ""},
    {"stranger", "", 60, HUMIDITY, "threshold humidity_percent of the town"},
    {"smoke-1", "", 40, FW_QUANTITY_CO_PPM, "threshold co_ppm of risk high"},
    {"panel", "", 100, FW_QUANTITY_CO_PPM, "threshold co_ppm of any device"},
};

static void
the_most_particular_row_counts(void **state)
{
	struct bench *b = *state;

	for (size_t k = 0; k < sizeof(particular) / sizeof(particular[0]); k++) {
		const char *name =
		    *particular[k].child ? particular[k].child : particular[k].device;
		enum fw_class class =
		    particular[k].quantity == HUMIDITY ? FW_CLASS_FAULT : FW_CLASS_GAS;
		bool off = isinf(particular[k].raise);
		struct say what = {.topic_device = particular[k].device,
		    .device_id = particular[k].child,
		    .sequence = 2 * k + 1,
		    .quantity = particular[k].quantity,
		    .value = off ? 1e6 : particular[k].raise - 0.001};

		bench_say(b, what);
		assert_null(raised(b, name, 0, class));
		if (off)
			continue;
		what.sequence++;
		what.value = particular[k].raise;
		bench_say(b, what);
		assert_non_null(raised(b, name, 0, class));
		assert_string_equal(raised(b, name, 0, class)->rule, particular[k].rule);
	}
}

/* ---------------------------------------------------------------- what an alarm says */

static void
an_alarm_says_what_was_measured(void **state)
{
	struct bench *b = *state;
	const struct fw_alarm *a;

	has(measure(b, 1, CURRENT, 512), "watch residual_current_ma electrical pending");
	has(b->trace, "report smoke-1 1"); /* promoted */
	bench_wait(b, S(10));
	has(measure(b, 2, CURRENT, 530), "telemetry report smoke-1 2");
	has(bench_wait(b, S(20)), "watch residual_current_ma electrical raised");
	a = raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL);
	assert_non_null(a);
	assert_string_equal(a->id, "smoke-1~1~1~q3.electrical");
	assert_string_equal(a->data, "residual current 512 mA, at least 500 mA for 30 s");
	assert_string_equal(a->rule, "threshold residual_current_ma of any device");
	assert_string_equal(a->reason, "too much");
	assert_int_equal(a->observed_at_us, NOON);
	assert_int_equal(a->received_at_us, NOON + S(30));
	assert_int_equal(a->severity, FW_SEVERITY_MAJOR);
	assert_int_equal(a->weight, FW_WEIGHT_NONE);
	measure(b, 3, TEMPERATURE, 71.5);
	a = raised(b, "smoke-1", 0, FW_CLASS_FIRE);
	assert_string_equal(a->id, "smoke-1~1~3~q1.fire");
	assert_string_equal(a->data, "temperature 71.5 °C, at least 70 °C");
	assert_int_equal(a->weight, FW_WEIGHT_DETECTOR);
	measure(b, 4, LEVEL, 5);
	measure(b, 5, LEVEL, 30);
	a = raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM);
	assert_true(fw_alarm_held_by(a, FW_BIT_OF_CHANGE(LEVEL)));
	assert_true(fw_alarm_held_by(a, FW_BIT_OF_VALUE(TEMPERATURE)));
	assert_int_equal(a->hold_count, 2);
}

static void
a_change_is_told_in_words(void **state)
{
	struct bench *b = *state;

	measure(b, 1, LEVEL, 5);
	bench_wait(b, S(60));
	measure(b, 2, LEVEL, 27.5);
	assert_string_equal(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM)->data,
	    "level rose by 22.5 m to 27.5 m within 600 s, at least 20 m");
	assert_string_equal(
	    raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM)->id, "smoke-1~1~2~q5.pre_alarm.change");
}

static void
keep_restored(const struct fw_action *action, void *context)
{
	if (action->type == FW_ACT_TIMELINE && strcmp(action->u.timeline->kind, "restored") == 0)
		snprintf(context, 256, "%s", action->u.timeline->detail);
}

/* Its own, where another one of the quantity is judged behind it. */
static void
a_change_that_ended_is_told_in_words(void **state)
{
	struct bench *b = *state;
	char text[256] = "";

	measure(b, 1, LEVEL, 5);
	measure(b, 2, LEVEL, 25);
	bench_wait(b, S(300));
	measure(b, 3, LEVEL, 25);
	bench_wait(b, S(500));
	b->seen = keep_restored;
	b->context = text;
	measure(b, 4, LEVEL, 20);
	b->seen = NULL;
	assert_string_equal(text, "pre_alarm at point 0: level 20 m, changed by 0 m within 600 s");
}

static void
repeats_are_counted(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 56);
	has(measure(b, 2, TEMPERATURE, 57), "report smoke-1 2");
	assert_int_equal(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM)->report_count, 2);
	/* Between is no news. */
	has(measure(b, 3, TEMPERATURE, 52), "telemetry report smoke-1 3");
	assert_int_equal(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM)->report_count, 2);
	has(measure(b, 4, TEMPERATURE, 20), "report smoke-1 4");
	has(b->trace, "timeline restored");
	has(measure(b, 5, TEMPERATURE, 20), "telemetry report smoke-1 5");
}

static void
points_are_apart(void **state)
{
	struct bench *b = *state;
	struct say what = {.topic_device = "panel",
	    .sequence = 1,
	    .point = 7,
	    .quantity = TEMPERATURE,
	    .value = 80};

	bench_say(b, what);
	assert_string_equal(raised(b, "panel", 7, FW_CLASS_FIRE)->id, "panel~1~1~q1.fire.p7");
	assert_null(raised(b, "panel", 8, FW_CLASS_FIRE));
	what.sequence = 2;
	what.point = 8;
	what.value = 20;
	bench_say(b, what);
	assert_non_null(raised(b, "panel", 7, FW_CLASS_FIRE));
	what.sequence = 3;
	what.value = 80;
	bench_say(b, what);
	what.sequence = 4;
	what.point = 7;
	what.value = 20;
	bench_say(b, what);
	assert_null(raised(b, "panel", 7, FW_CLASS_FIRE));
	assert_non_null(raised(b, "panel", 8, FW_CLASS_FIRE));
}

static void
a_reset_ends_no_threshold(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 80);
	bench_say(b, (struct say){.sequence = 2, .condition = FW_CONDITION_FIRE});
	bench_say(b, (struct say){.sequence = 3, .condition = FW_CONDITION_RESET});
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
	measure(b, 4, TEMPERATURE, 20);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
}

static void
a_threshold_ends_no_word_of_the_device(void **state)
{
	struct bench *b = *state;

	bench_say(b, (struct say){.sequence = 1, .condition = FW_CONDITION_FIRE});
	measure(b, 2, TEMPERATURE, 20);
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
}

/* ---------------------------------------------------------------- levels and new rules */

static void
a_pre_alarm_is_an_alarm_at_a_level(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 56);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
	wait_until(b, 7200);
	measure(b, 2, TEMPERATURE, 56);
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM));
	assert_string_equal(raised(b, "smoke-1", 0, FW_CLASS_FIRE)->rule,
	    "threshold temperature_celsius of any device, as an alarm at protection level highest");
	/* Without another class of its quantity it stays what it is. */
	measure(b, 3, LEVEL, 5);
	measure(b, 4, LEVEL, 30);
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM));
	wait_until(b, 7300);
	measure(b, 5, TEMPERATURE, 56);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_FIRE));
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM));
}

static void
what_has_no_threshold_any_more_ends(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 56);
	measure(b, 2, CURRENT, 500);
	b->rules = no_rules;
	bench_renew_town(b);
	has(bench_wait(b, S(30)), "watch residual_current_ma electrical dropped");
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM));
	measure(b, 3, TEMPERATURE, 56);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM));
	assert_int_equal(fw_strmap_count(&b->core->watches), 0);
}

static void
the_same_town_again_changes_nothing(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 56);
	measure(b, 2, CURRENT, 500);
	measure(b, 3, LEVEL, 5);
	bench_renew_town(b);
	measure(b, 4, LEVEL, 25);
	assert_true(
	    fw_alarm_held_by(raised(b, "smoke-1", 0, FW_CLASS_PRE_ALARM), FW_BIT_OF_CHANGE(LEVEL)));
	bench_wait(b, S(30));
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* ---------------------------------------------------------------- late ones */

/* The second reading is older than the first: what stands is what the first says. */
static const struct {
	const char *what;
	double first, second;
	struct say as; /* of the second: sequence 1, the first has 2 */
	bool is_raised;
	unsigned opened;
} late[] = {
    {"an older one that is back", 80, 20, {.sequence = 1}, true, 1},
    {"an older one that is over is recorded and calls", 20, 80, {.sequence = 1}, false, 1},
    {"a newer one that is back", 80, 20, {.sequence = 3}, false, 1},
    {"a newer one that is over", 20, 80, {.sequence = 3}, true, 1},
    {"kept and sent later, back", 80, 20, {.sequence = 3, .backfill = true, .observed_ms = -1},
	true, 1},
    {"kept and sent later, over", 20, 80, {.sequence = 3, .backfill = true, .observed_ms = -1},
	false, 1},
    {"kept, but measured later, back", 80, 20, {.sequence = 3, .backfill = true, .observed_ms = 1},
	false, 1},
    {"kept, but measured later, over", 20, 80, {.sequence = 3, .backfill = true, .observed_ms = 1},
	true, 1},
    {"of another boot, whose clock is behind", 80, 20,
	{.sequence = 1, .boot = 2, .observed_ms = -3600000}, false, 1},
};

static void
an_older_reading_changes_nothing_that_stands(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(late) / sizeof(late[0]); k++) {
		struct bench *b = bench_new_with(rules);
		struct say what = late[k].as;

		bench_wait(b, S(7400)); /* the level is over */
		bench_say(b, (struct say){.sequence = 2,
				 .quantity = FW_QUANTITY_CO_PPM,
				 .value = late[k].first,
				 .observed_ms = b->now_us / FW_MS});
		what.observed_ms = what.observed_ms ? b->now_us / FW_MS + what.observed_ms : 0;
		bench_wait(b, S(5));
		what.quantity = FW_QUANTITY_CO_PPM;
		what.value = late[k].second;
		bench_say(b, what);
		if ((raised(b, "smoke-1", 0, FW_CLASS_GAS) != NULL) != late[k].is_raised)
			fail_msg("%s: is%s raised", late[k].what, late[k].is_raised ? " not" : "");
		if (b->core->counters.alarms_opened != late[k].opened)
			fail_msg("%s: %llu alarms", late[k].what,
			    (unsigned long long)b->core->counters.alarms_opened);
		bench_free(b);
	}
}

static void
reading_kept(struct bench *b, uint64_t sequence, double ago_s, double value)
{
	bench_say(b, (struct say){.sequence = sequence,
			 .quantity = CURRENT,
			 .value = value,
			 .backfill = true,
			 .telemetry = true,
			 .observed_ms = b->now_us / FW_MS - (int64_t)(ago_s * 1000)});
}

/* What came of a cache is judged by when it was measured. */
static void
kept_readings_have_their_own_time(void **state)
{
	struct bench *b = *state;

	reading_kept(b, 1, 600, 510);
	reading_kept(b, 2, 571, 390); /* 29 s */
	bench_wait(b, S(60));
	assert_int_equal(b->core->counters.alarms_opened, 0);
	reading_kept(b, 3, 400, 510);
	reading_kept(b, 4, 370, 390); /* 30 s */
	assert_int_equal(b->core->counters.alarms_opened, 1);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
	reading_kept(b, 5, 300, 510);
	reading_kept(b, 6, 270, 520);
	assert_int_equal(
	    raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL)->observed_at_us, b->now_us - S(300));
	measure(b, 7, CURRENT, 300);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* It was over for long, but a later reading is known that was back. */
static void
what_was_over_before_is_recorded_when_it_lasted(void **state)
{
	struct bench *b = *state;

	measure(b, 1, CURRENT, 300);
	reading_kept(b, 2, 600, 510);
	reading_kept(b, 3, 580, 390);
	bench_wait(b, S(60));
	assert_int_equal(b->core->counters.alarms_opened, 0);
	reading_kept(b, 4, 500, 510);
	bench_wait(b, S(60));
	assert_int_equal(b->core->counters.alarms_opened, 1);
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* ---------------------------------------------------------------- memory */

static void
in_order_and_nothing_over_nothing_is_remembered(void **state)
{
	struct bench *b = *state;

	measure(b, 1, TEMPERATURE, 80);
	measure(b, 2, TEMPERATURE, 20);
	measure(b, 3, CURRENT, 500);
	assert_int_equal(fw_strmap_count(&b->core->watches), 1);
	measure(b, 4, CURRENT, 100);
	assert_int_equal(fw_strmap_count(&b->core->watches), 0);
	measure(b, 6, CURRENT, 100); /* 5 may still come */
	assert_int_equal(fw_strmap_count(&b->core->watches), 1);
	measure(b, 5, CURRENT, 100);
	measure(b, 7, CURRENT, 100);
	assert_int_equal(fw_strmap_count(&b->core->watches), 0);
}

static void
a_device_with_too_many_points_has_no_delay(void **state)
{
	struct bench *b = *state;

	for (uint32_t point = 0; point < FW_WATCHES_MAX + 5; point++)
		bench_say(b, (struct say){.topic_device = "panel",
				 .sequence = point + 1,
				 .point = point,
				 .quantity = CURRENT,
				 .value = 600});
	assert_int_equal(fw_strmap_count(&b->core->watches), FW_WATCHES_MAX);
	assert_int_equal(b->core->counters.watches_refused, 5);
	assert_null(raised(b, "panel", 0, FW_CLASS_ELECTRICAL));
	assert_non_null(raised(b, "panel", FW_WATCHES_MAX, FW_CLASS_ELECTRICAL));
	bench_wait(b, S(30));
	assert_int_equal(b->core->counters.alarms_opened, FW_WATCHES_MAX + 5);
}

static void
a_clock_that_is_set_back_holds_nothing_back(void **state)
{
	struct bench *b = *state;

	measure(b, 1, CURRENT, 500);
	b->now_us -= S(3600);
	fw_core_tick(b->core, b->now_us);
	bench_wait(b, S(30));
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* It was back in time, in what is still to be read: no alarm of what lay there in order. */
static void
what_is_unread_comes_before_what_has_lasted(void **state)
{
	struct bench *b = *state;
	int64_t began_us = b->now_us;

	fw_core_heard(b->core, b->now_us, b->now_us);
	measure(b, 1, CURRENT, 500);
	b->now_us += S(40); /* 30 s were enough */
	fw_core_heard(b->core, began_us + S(20), b->now_us);
	fw_core_tick(b->core, b->now_us);
	assert_true(fw_core_next_tick_us(b->core) > b->now_us);
	b->received_us = began_us + S(25);
	measure(b, 2, CURRENT, 100);
	b->received_us = 0;
	bench_hear(b, S(60));
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* … but a lane that does not come on keeps nothing silent. */
static void
what_has_lasted_waits_for_half_a_minute_at_most(void **state)
{
	struct bench *b = *state;

	fw_core_heard(b->core, b->now_us, b->now_us);
	measure(b, 1, CURRENT, 500);
	bench_wait(b, S(59));
	assert_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
	bench_wait(b, S(2));
	assert_non_null(raised(b, "smoke-1", 0, FW_CLASS_ELECTRICAL));
}

/* Of two reports of a boot the sequence tells, also where the clock went back between them, or is
 * told only now. */
static void
what_is_back_by_a_clock_that_is_slow_is_back(void **state)
{
	struct bench *b = *state;

	measure(b, 1, CURRENT, 500);
	bench_wait(b, S(10));
	bench_say(b, (struct say){.sequence = 2,
			 .quantity = CURRENT,
			 .value = 400,
			 .observed_ms = (NOON - S(10)) / 1000});
	bench_wait(b, S(60));
	assert_int_equal(b->core->counters.alarms_opened, 0);
}

/* ---------------------------------------------------------------- any order */

#define READINGS 40
#define RUNS 300

static const int32_t of[] = {TEMPERATURE, CURRENT, PRESSURE};
#define QUANTITIES (sizeof(of) / sizeof(of[0]))

struct script {
	struct say says[READINGS];
	size_t count;
};

/* About one in three is between raise and clear. */
static double
some_value(int32_t quantity)
{
	static const double temperatures[] = {-12, -7, 20, 52, 57, 65, 75},
			    currents[] = {100, 450, 600}, pressures[] = {60, 75, 100, 1550, 1700};

	if (quantity == TEMPERATURE)
		return temperatures[random_below(7)];
	return quantity == CURRENT ? currents[random_below(3)] : pressures[random_below(5)];
}

static void
write_script(struct script *s)
{
	int64_t at_ms = NOON / FW_MS - 3600 * 1000;

	s->count = READINGS;
	for (size_t k = 0; k < READINGS; k++) {
		int32_t quantity = of[random_below(QUANTITIES)];

		at_ms += 1000 + (int64_t)random_below(40000);
		s->says[k] = (struct say){.sequence = k + 1,
		    .quantity = quantity,
		    .value = some_value(quantity),
		    .point = (uint32_t)random_below(2),
		    .observed_ms = at_ms,
		    .backfill = random_below(4) == 0,
		    .telemetry = random_below(2)};
	}
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

static struct bench *
play(const struct script *s, bool repeat)
{
	struct bench *b = bench_new_with(rules);

	for (size_t k = 0; k < s->count; k++) {
		bench_say(b, s->says[k]);
		if (repeat && random_below(3) == 0)
			bench_say(b, s->says[random_below(k + 1)]);
	}
	bench_wait(b, S(720)); /* what chattered, which is a matter of order, is over */
	return b;
}

static void
compare_ends(const struct bench *a, const struct bench *b)
{
	for (uint32_t point = 0; point < 2; point++)
		for (int class = 0; class < FW_CLASSES; class ++) {
			const struct fw_alarm *x = raised(
						  a, "smoke-1", point, (enum fw_class) class),
					      *y = raised(
						  b, "smoke-1", point, (enum fw_class) class);

			if ((x ? x->conditions : 0) != (y ? y->conditions : 0))
				fail_msg("point %u %s: %llx in order, %llx shuffled", point,
				    fw_class_name((enum fw_class) class),
				    x ? (unsigned long long)x->conditions : 0,
				    y ? (unsigned long long)y->conditions : 0);
		}
}

static void
any_order_ends_the_same(void **state)
{
	(void)state;
	random_begin("threshold_test");
	for (int run = 0; run < RUNS; run++) {
		struct script s;
		struct bench *in_order, *shuffled;

		write_script(&s);
		in_order = play(&s, false);
		shuffle(&s);
		shuffled = play(&s, true);
		compare_ends(in_order, shuffled);
		bench_free(in_order);
		bench_free(shuffled);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_rule_and_its_opposite),
	    cmocka_unit_test_setup_teardown(the_most_particular_row_counts, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_alarm_says_what_was_measured, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_change_is_told_in_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_change_that_ended_is_told_in_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(repeats_are_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(points_are_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reset_ends_no_threshold, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_threshold_ends_no_word_of_the_device, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_pre_alarm_is_an_alarm_at_a_level, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_has_no_threshold_any_more_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_same_town_again_changes_nothing, setup, teardown),
	    cmocka_unit_test(an_older_reading_changes_nothing_that_stands),
	    cmocka_unit_test_setup_teardown(kept_readings_have_their_own_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_was_over_before_is_recorded_when_it_lasted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		in_order_and_nothing_over_nothing_is_remembered, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_device_with_too_many_points_has_no_delay, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_clock_that_is_set_back_holds_nothing_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_unread_comes_before_what_has_lasted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_has_lasted_waits_for_half_a_minute_at_most, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_back_by_a_clock_that_is_slow_is_back, setup, teardown),
	    cmocka_unit_test(any_order_ends_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
