/* SPDX-License-Identifier: Apache-2.0 */
/* What conditions mean: every pair of condition and component type, every system, the town's rows
 * and raised protection levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/classify.h"
#include "model/standard.h"

#define BEYOND 4 /* that many more types than the standard has */
#define TYPES (FW_STANDARD_CODES + BEYOND)

static const struct fw_level normal = {.name = "normal", .timeout_percent = 100};
static const struct fw_level raised = {.name = "highest", .pre_alarm_is_alarm = true};

static struct fw_judgement
standard(uint32_t condition, uint32_t component, uint32_t system)
{
	return fw_classify(&(struct fw_subject){.condition = condition,
	    .component_type = component,
	    .system_type = system,
	    .level = &normal});
}

/* The standard's types, then some of those that only the wire has room for. */
static uint32_t
type(uint32_t n)
{
	return n < TYPES - 1 ? n : UINT32_MAX;
}

/* ---------------------------------------------------------------- the standard's table */

static void
check_outcome(uint32_t condition, uint32_t component, const struct fw_judgement *j)
{
	bool emergency = fw_class_is_emergency(j->class), test = j->class == FW_CLASS_TEST;

	if (!j->reason || !*j->reason || !j->source || !*j->source || !j->rule || !*j->rule)
		fail_msg("%s of %u has no line", fw_condition_name(condition), component);
	if (j->class >= FW_CLASSES || j->severity >= FW_SEVERITIES || j->weight > FW_WEIGHT_STRONG)
		fail_msg("%s of %u is of no class", fw_condition_name(condition), component);
	if (emergency != (j->severity == FW_SEVERITY_CRITICAL) ||
	    test != (j->severity == FW_SEVERITY_INDETERMINATE))
		fail_msg("%s of %u: %s and %s", fw_condition_name(condition), component,
		    fw_class_name(j->class), fw_severity_name(j->severity));
	if ((j->class == FW_CLASS_FIRE) != (j->weight >= FW_WEIGHT_DETECTOR))
		fail_msg("%s of %u: %s of weight %d", fw_condition_name(condition), component,
		    fw_class_name(j->class), j->weight);
	if (!strstr(j->rule, fw_condition_name(condition)))
		fail_msg("%s of %u by rule %s", fw_condition_name(condition), component, j->rule);
}

/* Who reads it must know when the type told nothing. */
static void
check_words(uint32_t condition, uint32_t component, const struct fw_judgement *j)
{
	static const char *const words[FW_CODES] = {
	    [FW_CODE_RESERVED] = "reserved in the standard",
	    [FW_CODE_USER] = "the maker's own",
	    [FW_CODE_BEYOND] = "none of the standard",
	};

	for (int code = FW_CODE_RESERVED; code < FW_CODES; code++)
		if (!!strstr(j->reason, words[code]) != ((int)fw_component_code(component) == code))
			fail_msg(
			    "%s of %u: \"%s\"", fw_condition_name(condition), component, j->reason);
}

static void
every_pair_has_an_outcome(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < FW_CONDITIONS; c++)
		for (uint32_t n = 0; n < TYPES; n++) {
			struct fw_judgement j = standard(c, type(n), 0);

			check_outcome(c, type(n), &j);
			check_words(c, type(n), &j);
			assert_int_equal(j.meaning,
			    c == FW_CONDITION_RESET ? FW_MEANING_RESET : FW_MEANING_ALARM);
		}
}

/* A system makes nothing less serious than its component is alone. */
static void
every_system_has_an_outcome(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < FW_CONDITIONS; c++)
		for (uint32_t s = 0; s < TYPES; s++)
			for (uint32_t n = 0; n < TYPES; n++) {
				struct fw_judgement alone = standard(c, type(n), 0),
						    j = standard(c, type(n), type(s));

				check_outcome(c, type(n), &j);
				check_words(c, type(n), &j);
				assert_int_equal(j.meaning, alone.meaning);
				assert_int_equal(j.class, alone.class);
				assert_true(j.severity <= alone.severity);
				if (fw_system_code(type(s)) != FW_CODE_NAMED)
					assert_ptr_equal(j.rule, alone.rule);
			}
}

/* What tells nothing of its component means what it always has. */
static void
an_unnamed_component_has_the_base_line(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < FW_CONDITIONS; c++) {
		struct fw_judgement base = standard(c, 0, 0);

		assert_int_equal(base.severity, fw_class_severity(base.class));
		for (uint32_t n = 0; n < TYPES; n++) {
			struct fw_judgement j = standard(c, type(n), 0);

			if (fw_component_code(type(n)) == FW_CODE_NAMED)
				continue;
			assert_int_equal(j.class, base.class);
			assert_int_equal(j.severity, base.severity);
			assert_ptr_equal(j.rule, base.rule);
		}
	}
}

static void
a_fire_flag_is_a_fire(void **state)
{
	static const struct {
		enum fw_condition condition;
		enum fw_class class;
		enum fw_weight least;
	} flags[] = {
	    {FW_CONDITION_FIRE, FW_CLASS_FIRE, FW_WEIGHT_DETECTOR},
	    {FW_CONDITION_MANUAL_CALL, FW_CLASS_FIRE, FW_WEIGHT_STRONG},
	    {FW_CONDITION_WATER_FLOW, FW_CLASS_FIRE, FW_WEIGHT_STRONG},
	    {FW_CONDITION_GAS, FW_CLASS_GAS, FW_WEIGHT_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		for (uint32_t s = 0; s < TYPES; s++)
			for (uint32_t n = 0; n < TYPES; n++) {
				struct fw_judgement j =
				    standard(flags[i].condition, type(n), type(s));

				assert_int_equal(j.class, flags[i].class);
				assert_int_equal(j.severity, FW_SEVERITY_CRITICAL);
				assert_true(j.weight >= flags[i].least);
			}
}

/* ---------------------------------------------------------------- what an operator knows */

static void
means(uint32_t condition, uint32_t component, enum fw_class class, enum fw_severity severity,
    enum fw_weight weight)
{
	struct fw_judgement j = standard(condition, component, 0);

	if (j.class != class || j.severity != severity || j.weight != weight)
		fail_msg("%s of %s: %s, %s, weight %d", fw_condition_name(condition),
		    fw_component_name(component), fw_class_name(j.class),
		    fw_severity_name(j.severity), j.weight);
}

static void
water_that_flows_and_hands_that_press_are_fires(void **state)
{
	static const uint32_t strong[] = {23, 24, 96, 99};
	static const enum fw_condition said[] = {
	    FW_CONDITION_FIRE, FW_CONDITION_ACTIVATED, FW_CONDITION_FEEDBACK};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 3; k++)
			means(said[k], strong[i], FW_CLASS_FIRE, FW_SEVERITY_CRITICAL,
			    FW_WEIGHT_STRONG);
	means(FW_CONDITION_FIRE, 42, FW_CLASS_FIRE, FW_SEVERITY_CRITICAL, FW_WEIGHT_DETECTOR);
	means(FW_CONDITION_ACTIVATED, 91, FW_CLASS_SUPERVISORY, FW_SEVERITY_MAJOR,
	    FW_WEIGHT_SUPPORTS);
	means(FW_CONDITION_ACTIVATED, 95, FW_CLASS_SUPERVISORY, FW_SEVERITY_MAJOR,
	    FW_WEIGHT_SUPPORTS);
	means(FW_CONDITION_ACTIVATED, 92, FW_CLASS_SUPERVISORY, FW_SEVERITY_MINOR, FW_WEIGHT_NONE);
	means(FW_CONDITION_ACTIVATED, 98, FW_CLASS_FIRE, FW_SEVERITY_CRITICAL, FW_WEIGHT_DETECTOR);
	means(FW_CONDITION_ACTIVATED, 97, FW_CLASS_SUPERVISORY, FW_SEVERITY_MAJOR, FW_WEIGHT_NONE);
	means(FW_CONDITION_DELAYED, 81, FW_CLASS_FIRE, FW_SEVERITY_CRITICAL, FW_WEIGHT_DETECTOR);
	means(FW_CONDITION_DELAYED, 86, FW_CLASS_SUPERVISORY, FW_SEVERITY_MINOR, FW_WEIGHT_NONE);
}

static void
what_a_site_depends_on_is_major(void **state)
{
	static const uint32_t vital[] = {1, 21, 81, 82, 91, 95, 97, 98, 99, 105, 111};
	static const uint32_t single[] = {12, 17, 23, 25, 31, 42, 51, 62, 78, 85, 96, 102, 121};

	(void)state;
	for (size_t i = 0; i < sizeof(vital) / sizeof(vital[0]); i++) {
		means(FW_CONDITION_FAULT, vital[i], FW_CLASS_FAULT, FW_SEVERITY_MAJOR,
		    FW_WEIGHT_NONE);
		means(FW_CONDITION_DISABLED, vital[i], FW_CLASS_DISABLED, FW_SEVERITY_MAJOR,
		    FW_WEIGHT_NONE);
	}
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		means(FW_CONDITION_FAULT, single[i], FW_CLASS_FAULT, FW_SEVERITY_MINOR,
		    FW_WEIGHT_NONE);
		means(FW_CONDITION_DISABLED, single[i], FW_CLASS_DISABLED, FW_SEVERITY_MINOR,
		    FW_WEIGHT_NONE);
	}
	means(
	    FW_CONDITION_SUPERVISORY, 97, FW_CLASS_SUPERVISORY, FW_SEVERITY_MAJOR, FW_WEIGHT_NONE);
	means(
	    FW_CONDITION_SUPERVISORY, 102, FW_CLASS_SUPERVISORY, FW_SEVERITY_MINOR, FW_WEIGHT_NONE);
	means(FW_CONDITION_MAINS_LOST, 91, FW_CLASS_POWER, FW_SEVERITY_MAJOR, FW_WEIGHT_NONE);
	means(FW_CONDITION_MAINS_LOST, 42, FW_CLASS_POWER, FW_SEVERITY_WARNING, FW_WEIGHT_NONE);
}

static void
the_power_supply_of_fire_equipment_is_major(void **state)
{
	static const enum fw_condition said[] = {FW_CONDITION_FAULT, FW_CONDITION_DISABLED,
	    FW_CONDITION_SUPERVISORY, FW_CONDITION_MAINS_LOST, FW_CONDITION_BATTERY_LOW,
	    FW_CONDITION_TRIPPED};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct fw_judgement j = standard(said[i], 0, 23);

		assert_int_equal(j.severity, FW_SEVERITY_MAJOR);
		assert_non_null(strstr(j.rule, "in system 23"));
		assert_null(strstr(standard(said[i], 0, 24).rule, "in system"));
		assert_null(strstr(standard(said[i], 0, 20).rule, "in system"));
	}
}

/* ---------------------------------------------------------------- protection levels */

static struct fw_judgement
at_level(uint32_t condition, uint32_t component, const struct fw_level *level)
{
	return fw_classify(&(struct fw_subject){
	    .condition = condition, .component_type = component, .level = level});
}

static void
a_raised_level_takes_a_pre_alarm_for_an_alarm(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < TYPES; n++) {
		uint32_t t = type(n);
		bool gas = (t >= 10 && t <= 13) || t == 74, electrical = t >= 16 && t <= 18;
		struct fw_judgement j = at_level(FW_CONDITION_PRE_ALARM, t, &raised);

		check_outcome(FW_CONDITION_PRE_ALARM, t, &j);
		check_words(FW_CONDITION_PRE_ALARM, t, &j);
		assert_non_null(strstr(j.reason, "raised protection level"));
		assert_non_null(strstr(j.reason, "pre-alarm"));
		if (fw_component_code(t) == FW_CODE_RESERVED && (gas || electrical))
			fail_msg("%u is reserved", t);
		assert_int_equal(j.class, gas          ? FW_CLASS_GAS
					  : electrical ? FW_CLASS_ELECTRICAL
						       : FW_CLASS_FIRE);
		j = at_level(FW_CONDITION_PRE_ALARM, t, &normal);
		assert_int_equal(j.class, FW_CLASS_PRE_ALARM);
		assert_null(strstr(j.reason, "raised"));
	}
}

static void
a_raised_level_changes_nothing_else(void **state)
{
	(void)state;
	for (uint32_t c = 1; c < FW_CONDITIONS; c++)
		for (uint32_t n = 0; n < TYPES && c != FW_CONDITION_PRE_ALARM; n++)
			assert_ptr_equal(at_level(c, type(n), &raised).reason,
			    at_level(c, type(n), NULL).reason);
}

/* ---------------------------------------------------------------- the town's rows */

static struct fw_judgement
with(const struct fw_override *rows, uint32_t count, struct fw_subject s)
{
	const struct fw_override *list[4];
	struct fw_profile profile = {.overrides = list, .override_count = count};

	for (uint32_t i = 0; i < count; i++)
		list[i] = &rows[i];
	s.profile = &profile;
	return fw_classify(&s);
}

static struct fw_override
row(uint32_t condition, int32_t component, int32_t system, enum fw_class class,
    enum fw_severity severity)
{
	return (struct fw_override){.condition = condition,
	    .component_type = component,
	    .system_type = system,
	    .kind = "",
	    .category = "",
	    .model = "",
	    .class = class,
	    .severity = severity,
	    .reason = "the town says so"};
}

static void
the_towns_first_row_that_fits_counts(void **state)
{
	const struct fw_override rows[] = {
	    row(FW_CONDITION_FAULT, 40, 12, FW_CLASS_TAMPER, FW_SEVERITY_WARNING),
	    row(FW_CONDITION_FAULT, 42, FW_ANY, FW_CLASS_SUPERVISORY, FW_SEVERITY_MAJOR),
	    row(FW_CONDITION_FAULT, FW_ANY, FW_ANY, FW_CLASS_TEST, FW_SEVERITY_INDETERMINATE),
	};
	struct fw_judgement j = with(
	    rows, 3, (struct fw_subject){.condition = FW_CONDITION_FAULT, .component_type = 42});

	(void)state;
	assert_int_equal(j.class, FW_CLASS_SUPERVISORY);
	assert_int_equal(j.severity, FW_SEVERITY_MAJOR);
	assert_string_equal(j.reason, "the town says so");
	assert_string_equal(j.rule, "town");
	assert_true(*j.source);
	j = with(
	    rows, 3, (struct fw_subject){.condition = FW_CONDITION_FAULT, .component_type = 40});
	assert_int_equal(j.class, FW_CLASS_TEST);
	j = with(rows, 3,
	    (struct fw_subject){
		.condition = FW_CONDITION_FAULT, .component_type = 40, .system_type = 12});
	assert_int_equal(j.class, FW_CLASS_TAMPER);
	j = with(rows, 3,
	    (struct fw_subject){.condition = FW_CONDITION_FAULT, .component_type = UINT32_MAX});
	assert_int_equal(j.class, FW_CLASS_TEST);
	j = with(
	    rows, 3, (struct fw_subject){.condition = FW_CONDITION_DISABLED, .component_type = 42});
	assert_int_equal(j.class, FW_CLASS_DISABLED);
}

/* Nor may one be called less than critical; the row that would do it is passed over for the next.
 */
static void
no_row_takes_a_fire_lower(void **state)
{
	static const enum fw_condition kept[] = {
	    FW_CONDITION_FIRE, FW_CONDITION_GAS, FW_CONDITION_MANUAL_CALL, FW_CONDITION_WATER_FLOW};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (int class = 0; class < FW_CLASSES; class ++) {
			enum fw_class own = standard(kept[i], 0, 0).class;
			const struct fw_override rows[] = {
			    row(kept[i], FW_ANY, FW_ANY, (enum fw_class) class,
				FW_SEVERITY_WARNING),
			    row(kept[i], FW_ANY, FW_ANY, own, FW_SEVERITY_MINOR),
			};
			struct fw_judgement alone = with(
						rows, 1, (struct fw_subject){.condition = kept[i]}),
					    both = with(
						rows, 2, (struct fw_subject){.condition = kept[i]});

			assert_int_equal(
			    fw_classify_allows(kept[i], (enum fw_class) class), class == (int)own);
			assert_int_equal(alone.class, own);
			assert_int_equal(alone.severity, FW_SEVERITY_CRITICAL);
			assert_int_equal(alone.weight, standard(kept[i], 0, 0).weight);
			assert_int_equal(strcmp(alone.rule, "town") == 0, class == (int)own);
			assert_int_equal(both.class, own);
			assert_int_equal(both.severity, FW_SEVERITY_CRITICAL);
			assert_string_equal(both.reason, "the town says so");
		}
}

static void
a_row_may_make_and_unmake_other_fires(void **state)
{
	const struct fw_override fire =
	    row(FW_CONDITION_TAMPER, FW_ANY, FW_ANY, FW_CLASS_FIRE, FW_SEVERITY_WARNING);
	const struct fw_override test =
	    row(FW_CONDITION_ACTIVATED, 99, FW_ANY, FW_CLASS_TEST, FW_SEVERITY_INDETERMINATE);
	struct fw_judgement j =
	    with(&fire, 1, (struct fw_subject){.condition = FW_CONDITION_TAMPER});

	(void)state;
	assert_int_equal(j.class, FW_CLASS_FIRE);
	assert_int_equal(j.severity, FW_SEVERITY_CRITICAL);
	assert_int_equal(j.weight, FW_WEIGHT_DETECTOR);
	j = with(&test, 1,
	    (struct fw_subject){.condition = FW_CONDITION_ACTIVATED, .component_type = 99});
	assert_int_equal(j.class, FW_CLASS_TEST);
	assert_int_equal(j.weight, FW_WEIGHT_NONE);
	for (uint32_t c = 1; c < FW_CONDITIONS; c++)
		for (int class = 0; class < FW_CLASSES; class ++)
			if (!fw_class_is_emergency(standard(c, 0, 0).class))
				assert_true(fw_classify_allows(c, (enum fw_class) class));
}

/* What the town calls a pre-alarm is one for the protection level too; what it calls otherwise
 * stays. */
static void
the_level_counts_for_the_towns_pre_alarms(void **state)
{
	const struct fw_override rows[] = {
	    row(FW_CONDITION_SUPERVISORY, FW_ANY, FW_ANY, FW_CLASS_PRE_ALARM, FW_SEVERITY_MINOR),
	    row(FW_CONDITION_PRE_ALARM, 42, FW_ANY, FW_CLASS_TEST, FW_SEVERITY_INDETERMINATE),
	};
	struct fw_subject s = {.condition = FW_CONDITION_SUPERVISORY, .level = &raised};

	(void)state;
	assert_int_equal(with(rows, 2, s).class, FW_CLASS_FIRE);
	s.level = &normal;
	assert_int_equal(with(rows, 2, s).class, FW_CLASS_PRE_ALARM);
	assert_int_equal(with(rows, 2, s).severity, FW_SEVERITY_MINOR);
	s = (struct fw_subject){
	    .condition = FW_CONDITION_PRE_ALARM, .component_type = 42, .level = &raised};
	assert_int_equal(with(rows, 2, s).class, FW_CLASS_TEST);
}

/* ---------------------------------------------------------------- the standard's names */

static void
codes_are_named_reserved_or_the_makers(void **state)
{
	static const uint8_t reserved[][2] = {{2, 9}, {14, 15}, {19, 20}, {26, 29}, {38, 39},
	    {45, 49}, {54, 60}, {63, 68}, {70, 73}, {75, 77}, {80, 80}, {89, 90}, {93, 94},
	    {100, 100}, {107, 110}, {112, 112}, {119, 120}, {122, 127}};
	uint32_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		for (uint32_t t = reserved[i][0]; t <= reserved[i][1]; t++) {
			assert_true(fw_component_code(t) == FW_CODE_RESERVED);
			assert_string_equal(fw_component_name(t), "reserved");
			count++;
		}
	for (uint32_t n = 0; n < TYPES; n++) {
		assert_true(*fw_component_name(type(n)) && *fw_component_name_zh(type(n)));
		assert_true(*fw_system_name(type(n)));
		count -= fw_component_code(type(n)) == FW_CODE_RESERVED;
		assert_int_equal(fw_component_code(type(n)) == FW_CODE_USER, n >= 128 && n < 256);
		assert_int_equal(fw_system_code(type(n)) == FW_CODE_RESERVED,
		    (n >= 2 && n <= 9) || (n >= 25 && n <= 127));
	}
	assert_int_equal(count, 0);
	assert_string_equal(fw_component_name_zh(97), "信号阀");
	assert_string_equal(fw_component_name(97), "signal valve");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_pair_has_an_outcome),
	    cmocka_unit_test(every_system_has_an_outcome),
	    cmocka_unit_test(an_unnamed_component_has_the_base_line),
	    cmocka_unit_test(a_fire_flag_is_a_fire),
	    cmocka_unit_test(water_that_flows_and_hands_that_press_are_fires),
	    cmocka_unit_test(what_a_site_depends_on_is_major),
	    cmocka_unit_test(the_power_supply_of_fire_equipment_is_major),
	    cmocka_unit_test(a_raised_level_takes_a_pre_alarm_for_an_alarm),
	    cmocka_unit_test(a_raised_level_changes_nothing_else),
	    cmocka_unit_test(the_towns_first_row_that_fits_counts),
	    cmocka_unit_test(no_row_takes_a_fire_lower),
	    cmocka_unit_test(a_row_may_make_and_unmake_other_fires),
	    cmocka_unit_test(the_level_counts_for_the_towns_pre_alarms),
	    cmocka_unit_test(codes_are_named_reserved_or_the_makers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
