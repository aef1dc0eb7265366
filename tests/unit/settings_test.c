/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings: every line of it, each type's limits and suffixes, and what holds between
 * settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/settings.h"

static int
set_up(void **state)
{
	struct fw_settings *s = malloc(sizeof(*s));

	if (!s)
		return -1;
	fw_settings_init(s);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	fw_settings_fini(*state);
	free(*state);
	return 0;
}

static void
accepts(struct fw_settings *s, const char *section, const char *name, const char *value)
{
	char why[200] = "";

	if (fw_settings_set(s, section, name, value, why, sizeof(why)) != FW_OK)
		fail_msg("%s.%s = \"%s\" was refused: %s", section, name, value, why);
}

static void
refuses(struct fw_settings *s, const char *section, const char *name, const char *value,
    const char *reason)
{
	char why[200] = "";

	assert_int_equal(fw_settings_set(s, section, name, value, why, sizeof(why)), FW_EINVAL);
	if (!strstr(why, reason))
		fail_msg("%s.%s = \"%s\": \"%s\" does not say \"%s\"", section, name, value, why,
		    reason);
}

static void
shows(const struct fw_settings *s, const char *section, const char *name, const char *expected)
{
	char text[FW_SETTING_TEXT_MAX];

	fw_settings_show(s, fw_setting_find(section, name), false, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void
table_is_sorted_and_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < fw_setting_count; i++) {
		const struct fw_setting *a = &fw_setting_table[i], *b = a + 1;
		int order = i + 1 < fw_setting_count ? strcmp(a->section, b->section) : -1;

		if (order == 0)
			order = strcmp(a->name, b->name);
		if (order >= 0)
			fail_msg(
			    "%s.%s stands before %s.%s", a->section, a->name, b->section, b->name);
		assert_ptr_equal(fw_setting_find(a->section, a->name), a);
		assert_true(strlen(a->help) > 10 && a->help[strlen(a->help) - 1] == '.');
		assert_true(a->least <= a->most);
	}
}

static void
defaults_agree(void **state)
{
	char why[200] = "";

	assert_int_equal(fw_settings_check(*state, why, sizeof(why)), FW_OK);
	for (size_t i = 0; i < fw_setting_count; i++)
		shows(*state, fw_setting_table[i].section, fw_setting_table[i].name,
		    fw_setting_table[i].standard);
}

/* A value of the type that is not the default, as far as there is one. */
static const char *
another_value(const struct fw_setting *setting, char *text, size_t size)
{
	switch (setting->type) {
	case FW_SETTING_INTEGER:
		snprintf(text, size, "%lld", (long long)setting->least);
		return text;
	case FW_SETTING_BOOLEAN:
		return "yes";
	case FW_SETTING_DIVISIONS:
		return "330106,330106104";
	case FW_SETTING_CHOICE:
		return strrchr(setting->choices, ' ') + 1;
	case FW_SETTING_TEXT:
	case FW_SETTING_SECRET:
		return "消防/x y;z#";
	case FW_SETTING_NAME:
		return "centre-2";
	}
	return NULL;
}

static void
every_setting_is_shown_as_it_is_set(void **state)
{
	struct fw_settings *s = *state, copy;
	char text[64], shown[FW_SETTING_TEXT_MAX], again[FW_SETTING_TEXT_MAX];

	fw_settings_init(&copy);
	for (size_t i = 0; i < fw_setting_count; i++) {
		const struct fw_setting *x = &fw_setting_table[i];

		accepts(s, x->section, x->name, another_value(x, text, sizeof(text)));
		fw_settings_show(s, x, true, shown, sizeof(shown));
		assert_string_not_equal(shown, x->standard);
		accepts(&copy, x->section, x->name, shown);
		fw_settings_show(&copy, x, true, again, sizeof(again));
		assert_string_equal(again, shown);
	}
	assert_null(fw_settings_restart_needed(s, &copy));
	fw_settings_fini(&copy);
}

static void
integers_hold_their_limits(void **state)
{
	char text[64];

	for (size_t i = 0; i < fw_setting_count; i++) {
		const struct fw_setting *x = &fw_setting_table[i];

		if (x->type != FW_SETTING_INTEGER)
			continue;
		snprintf(text, sizeof(text), "%lld", (long long)x->most);
		accepts(*state, x->section, x->name, text);
		snprintf(text, sizeof(text), "%lld", (long long)x->most + 1);
		refuses(*state, x->section, x->name, text, "must be from");
		snprintf(text, sizeof(text), "%lld", (long long)x->least - 1);
		refuses(*state, x->section, x->name, text, "must be");
		refuses(*state, x->section, x->name, "99999999999999999999", "must be from");
		refuses(*state, x->section, x->name, "", "whole number");
	}
}

static void
integers_take_suffixes(void **state)
{
	struct fw_settings *s = *state;

	accepts(s, "notify", "timeout_ms", "500ms");
	assert_int_equal(s->notify.timeout_ms, 500);
	accepts(s, "notify", "timeout_ms", "3s");
	assert_int_equal(s->notify.timeout_ms, 3000);
	accepts(s, "notify", "timeout_ms", "5min");
	assert_int_equal(s->notify.timeout_ms, 300000);
	shows(s, "notify", "timeout_ms", "5min");
	accepts(s, "notify", "timeout_ms", "1500");
	shows(s, "notify", "timeout_ms", "1500ms");
	accepts(s, "rules", "clock_behind_s", "2h");
	assert_int_equal(s->rules.clock_behind_s, 7200);
	accepts(s, "database", "retention_days", "30d");
	assert_int_equal(s->database.retention_days, 30);
	accepts(s, "mqtt", "max_payload_bytes", "64KiB");
	assert_int_equal(s->mqtt.max_payload_bytes, 65536);
	accepts(s, "rules", "clock_ahead_s", "0");
	shows(s, "rules", "clock_ahead_s", "0s");
	refuses(s, "notify", "timeout_ms", "3 s", "ms s min h");
	refuses(s, "notify", "timeout_ms", "-3s", "whole number");
	refuses(s, "notify", "timeout_ms", "3.5s", "whole number");
	refuses(s, "notify", "timeout_ms", "0x10", "whole number");
	refuses(s, "notify", "timeout_ms", "1KiB", "whole number");
	refuses(s, "notify", "timeout_ms", "9223372036854775807h", "must be from 100ms to 5min");
	refuses(s, "mqtt", "max_payload_bytes", "64KB", "B KiB MiB GiB");
	refuses(s, "mqtt", "port", "1883s", "whole number");
}

static void
a_refused_value_changes_nothing(void **state)
{
	struct fw_settings *s = *state;

	accepts(s, "mqtt", "host", "broker.example");
	refuses(s, "mqtt", "host", "", "must not be empty");
	shows(s, "mqtt", "host", "broker.example");
	accepts(s, "notify", "allow_insecure", "on");
	refuses(s, "notify", "allow_insecure", "maybe", "yes or no");
	assert_true(s->notify.allow_insecure);
	accepts(s, "notify", "allow_insecure", "false");
	assert_false(s->notify.allow_insecure);
}

static void
texts_are_checked(void **state)
{
	char longest[110];

	memset(longest, 'x', sizeof(longest));
	longest[107] = '\0';
	accepts(*state, "control", "socket", longest);
	longest[107] = 'x';
	longest[108] = '\0';
	refuses(*state, "control", "socket", longest, "at most 107 bytes");
	refuses(*state, "mqtt", "username", "a\xff", "UTF-8");
	refuses(*state, "mqtt", "username", "a\tb", "control characters");
	refuses(*state, "instance", "name", "a/b", "may hold");
	refuses(*state, "log", "level", "", "must be one of: error");
	refuses(*state, "log", "level", "warn", "must be one of");
	refuses(*state, "log", "level", "error warning", "must be one of");
	accepts(*state, "log", "level", "debug");
}

static void
divisions_are_codes_or_all(void **state)
{
	accepts(*state, "instance", "divisions", "*");
	accepts(*state, "instance", "divisions", "330106");
	accepts(*state, "instance", "divisions", "330106,330106104001,123456789012345");
	refuses(*state, "instance", "divisions", "33010", "6 to 15 digits");
	refuses(*state, "instance", "divisions", "1234567890123456", "6 to 15 digits");
	refuses(*state, "instance", "divisions", "330106*", "6 to 15 digits");
	refuses(*state, "instance", "divisions", "330106,", "6 to 15 digits");
	refuses(*state, "instance", "divisions", "330106, 330107", "6 to 15 digits");
	refuses(*state, "instance", "divisions", "*,330106", "6 to 15 digits");
}

static void
unknown_settings_are_refused(void **state)
{
	char why[200] = "";

	assert_int_equal(
	    fw_settings_set(*state, "mqtt", "hosts", "x", why, sizeof(why)), FW_ENOTFOUND);
	assert_string_equal(why, "no such setting");
	assert_int_equal(fw_settings_set(*state, "", "host", "x", why, sizeof(why)), FW_ENOTFOUND);
	assert_int_equal(
	    fw_settings_set(*state, "mqt", "host", "x", why, sizeof(why)), FW_ENOTFOUND);
}

static void
secrets_are_not_shown(void **state)
{
	char text[FW_SETTING_TEXT_MAX];

	shows(*state, "mqtt", "password", "");
	accepts(*state, "mqtt", "password", "秘密");
	shows(*state, "mqtt", "password", "***");
	fw_settings_show(*state, fw_setting_find("mqtt", "password"), true, text, sizeof(text));
	assert_string_equal(text, "秘密");
}

static void
settings_that_do_not_agree(void **state)
{
	static const char *const cases[][4] = {
	    {"mqtt", "key_file", "/k", "mqtt.key_file: needs mqtt.cert_file"},
	    {"mqtt", "cert_file", "/c", "mqtt.cert_file: needs mqtt.key_file"},
	    {"mqtt", "password", "p", "mqtt.password: needs mqtt.username"},
	    {"mqtt", "max_payload_bytes", "16MiB", NULL},
	    {"journal", "segment_bytes", "512MiB", "journal.segment_bytes: "},
	    {"journal", "segment_bytes", "256KiB", "mqtt.max_payload_bytes: "},
	    {"notify", "retry_ms", "2min", "notify.retry_ms: "},
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fw_settings s;

		fw_settings_init(&s);
		accepts(&s, cases[i][0], cases[i][1], cases[i][2]);
		assert_int_equal(
		    fw_settings_check(&s, why, sizeof(why)), cases[i][3] ? FW_EINVAL : FW_OK);
		if (cases[i][3])
			assert_ptr_equal(strstr(why, cases[i][3]), why);
		fw_settings_fini(&s);
	}
}

static void
a_reload_tells_what_needs_a_restart(void **state)
{
	struct fw_settings wanted;

	fw_settings_init(&wanted);
	accepts(&wanted, "log", "level", "debug");
	accepts(&wanted, "notify", "retry_ms", "1s");
	assert_null(fw_settings_restart_needed(*state, &wanted));
	accepts(&wanted, "mqtt", "password", "new");
	assert_ptr_equal(
	    fw_settings_restart_needed(*state, &wanted), fw_setting_find("mqtt", "password"));
	fw_settings_fini(&wanted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(table_is_sorted_and_told),
	    TEST(defaults_agree),
	    TEST(every_setting_is_shown_as_it_is_set),
	    TEST(integers_hold_their_limits),
	    TEST(integers_take_suffixes),
	    TEST(a_refused_value_changes_nothing),
	    TEST(texts_are_checked),
	    TEST(divisions_are_codes_or_all),
	    TEST(unknown_settings_are_refused),
	    TEST(secrets_are_not_shown),
	    TEST(settings_that_do_not_agree),
	    TEST(a_reload_tells_what_needs_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
