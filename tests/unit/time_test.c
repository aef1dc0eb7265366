/* SPDX-License-Identifier: Apache-2.0 */
/* Times: known ones, every day of ten thousand years there and back, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/time.h"
#include "tests/unit/random.h"

static int64_t
parsed(const char *text)
{
	int64_t t_us;

	if (fw_time_parse(text, &t_us) != FW_OK)
		fail_msg("refused: %s", text);
	return t_us;
}

static void
known_times(void **context)
{
	const int64_t t_us = INT64_C(1795509603) * FW_S;
	char text[FW_TIME_TEXT_MAX];

	(void)context;
	assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(parsed("2026-11-24T08:40:03Z"), t_us);
	assert_int_equal(parsed("2026-11-24T16:40:03+08:00"), t_us);
	assert_int_equal(parsed("2026-11-24t00:10:03.5-08:30"), t_us + FW_S / 2);
	assert_int_equal(parsed("2026-11-24 08:40:03.123456789z"), t_us + 123456);
	assert_int_equal(parsed("2026-11-24"), parsed("2026-11-24T00:00:00Z"));
	assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01"));
	assert_int_equal(parsed("0000-01-01"), INT64_C(-62167219200) * FW_S);
	assert_int_equal(parsed("9999-12-31T23:59:59.999999Z"), INT64_C(253402300800) * FW_S - 1);
	assert_string_equal(fw_time_text(t_us + 123999, text), "2026-11-24T08:40:03.123Z");
	assert_string_equal(fw_time_text(-1, text), "1969-12-31T23:59:59.999Z");
	assert_string_equal(fw_time_text(0, text), "-");
	assert_string_equal(fw_time_text(FW_NEVER, text), "never");
	assert_string_equal(fw_time_text(INT64_MIN, text), "-290308-12-21T19:59:05.224Z");
	assert_string_equal(fw_time_text(INT64_MAX - 1, text), "294247-01-10T04:00:54.775Z");
}

static void
every_day_there_and_back(void **context)
{
	const int64_t last = parsed("9999-12-31") / FW_DAY;

	(void)context;
	random_begin("time");
	for (int64_t day = parsed("0000-01-01") / FW_DAY; day <= last; day++) {
		int64_t t_us = day * FW_DAY + (int64_t)random_below(86400000) * FW_MS;
		time_t seconds = (time_t)(day * 86400);
		char text[FW_TIME_TEXT_MAX], date[16];
		struct tm tm;

		if (t_us == 0)
			continue;
		fw_time_text(t_us, text);
		assert_int_equal(parsed(text), t_us);
		gmtime_r(&seconds, &tm);
		snprintf(date, sizeof(date), "%04u-%02u-%02u",
		    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		    (unsigned)tm.tm_mday % 100);
		assert_memory_equal(text, date, 10);
	}
}

static void
wrong_times_are_refused(void **context)
{
	static const char *const wrong[] = {"", "-", "2026", "2026-11", "2026-11-24T",
	    "2026-11-24T16:40", "2026-11-24T16:40:03", "2026-11-24T16:40Z", "2026-11-24T16:40:03.Z",
	    "2026-11-24T16:40:03.1234567890Z", "2026-11-24T24:00:00Z", "2026-11-24T16:60:00Z",
	    "2026-11-24T16:40:60Z", "2026-11-24T16:40:03+08", "2026-11-24T16:40:03+0800",
	    "2026-11-24T16:40:03+24:00", "2026-11-24T16:40:03+08:60", "2026-11-24T16:40:03Zx",
	    "2026-11-24Z", "2026-13-01", "2026-00-01", "2026-04-31", "2026-02-29", "2100-02-29",
	    "2024-02-30", "2026-01-00", " 2026-11-24", "2026-11-24 ", "26-11-24", "+2026-11-24",
	    "2026/11/24", "２０２６-11-24", "10000-01-01"};
	int64_t t_us = 42;

	(void)context;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (fw_time_parse(wrong[i], &t_us) != FW_EFORMAT || t_us != 42)
			fail_msg("taken: %s", wrong[i]);
	assert_int_equal(parsed("2024-02-29"), parsed("2024-02-28") + FW_DAY);
	assert_int_equal(parsed("2000-02-29"), parsed("2000-03-01") - FW_DAY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_times),
	    cmocka_unit_test(every_day_there_and_back),
	    cmocka_unit_test(wrong_times_are_refused),
	};

	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
