/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the log is one line, whatever is in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

static char line[8192];

/* What fw_log writes to standard error. */
static void
capture(enum fw_log_level level, const char *text)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	errno = ENOSPC;
	fw_log(level, "%s", text);
	assert_int_equal(errno, ENOSPC);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	line[n > 0 ? n : 0] = '\0';
}

static void
control_characters_are_masked(void **context)
{
	(void)context;
	fw_log_init(FW_LOG_INFO, 1);
	capture(FW_LOG_WARNING, "敬老院\n<3>forged\x1b[2J\x7f\xc2\x9b é");
	assert_string_equal(line, "<4>敬老院?<3>forged?[2J??? é\n");
	capture(FW_LOG_DEBUG, "not wanted");
	assert_string_equal(line, "");
	fw_log_set_level(FW_LOG_DEBUG);
	capture(FW_LOG_DEBUG, "wanted");
	assert_string_equal(line, "<7>wanted\n");
}

static void
long_lines_are_cut_between_characters(void **context)
{
	char text[6001];

	(void)context;
	fw_log_init(FW_LOG_INFO, 1);
	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "火", 4);
		capture(FW_LOG_INFO, text);
		assert_in_range(strlen(line), 2040, 2048);
		assert_true(fw_text_valid(line, strlen(line)));
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

static void
the_time_comes_first(void **context)
{
	(void)context;
	fw_log_init(FW_LOG_INFO, 0);
	capture(FW_LOG_NOTICE, "started");
	assert_int_equal(strlen(line), strlen("2026-11-24T16:40:03.123Z notice started\n"));
	assert_string_equal(line + 23, "Z notice started\n");
}

static void
every_error_has_its_sentence(void **context)
{
	(void)context;
	for (int a = FW_EVERSION; a <= FW_OK; a++) {
		assert_string_not_equal(fw_strerror(a), "unknown error");
		for (int b = a + 1; b <= FW_OK; b++)
			assert_string_not_equal(fw_strerror(a), fw_strerror(b));
	}
	assert_string_equal(fw_strerror(1), "unknown error");
	assert_string_equal(fw_strerror(-1000), "unknown error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(control_characters_are_masked),
	    cmocka_unit_test(long_lines_are_cut_between_characters),
	    cmocka_unit_test(the_time_comes_first),
	    cmocka_unit_test(every_error_has_its_sentence),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
