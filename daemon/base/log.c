/* SPDX-License-Identifier: Apache-2.0 */
/* The log; see log.h.  A line is one write(2), so that lines of two threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static _Atomic int log_most = FW_LOG_INFO;
static int log_journald;

void
fw_log_init(enum fw_log_level most, int journald)
{
	log_journald = journald;
	fw_log_set_level(most);
}

void
fw_log_set_level(enum fw_log_level most)
{
	atomic_store(&log_most, (int) most);
}

static size_t
write_prefix(char *line, size_t size, enum fw_log_level level)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	if (log_journald)
		return (size_t) snprintf(line, size, "<%d>", (int) level);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t) snprintf(line + n, size - n, ".%03ldZ %s ", ts.tv_nsec / 1000000,
		       level <= FW_LOG_ERROR ? "error" : level == FW_LOG_WARNING ? "warning" : level == FW_LOG_DEBUG ? "debug" : "info");
}

void
fw_log(enum fw_log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t start, used;
	va_list args;
	int n;

	if ((int) level > atomic_load_explicit(&log_most, memory_order_relaxed))
		return;
	start = write_prefix(line, sizeof(line), level);
	va_start(args, format);
	n = vsnprintf(line + start, sizeof(line) - start - 1, format, args);
	va_end(args);
	used = start + (n < 0 ? 0 : (size_t) n);
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	for (size_t i = start; i < used; i++)
		if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody to tell */
}
