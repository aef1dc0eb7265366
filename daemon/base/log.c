/* SPDX-License-Identifier: Apache-2.0 */
/* The log; see log.h.  A line is one write(2), so that lines of two threads do not mix. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

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
	atomic_store(&log_most, (int)most);
}

static const char *
level_name(enum fw_log_level level)
{
	switch (level) {
	case FW_LOG_ERROR:
		return "error";
	case FW_LOG_WARNING:
		return "warning";
	case FW_LOG_NOTICE:
		return "notice";
	case FW_LOG_INFO:
		return "info";
	case FW_LOG_DEBUG:
		return "debug";
	}
	return "error";
}

static size_t
write_prefix(char *line, size_t size, enum fw_log_level level)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	if (log_journald)
		return (size_t)snprintf(line, size, "<%d>", (int)level);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(
		       line + n, size - n, ".%03ldZ %s ", ts.tv_nsec / 1000000, level_name(level));
}

/* Also the C1 controls, which are two bytes in UTF-8: some terminals obey them. */
static void
mask_controls(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i],
			      next = i + 1 < n ? (unsigned char)text[i + 1] : 0;

		if (c < 0x20 || c == 0x7f)
			text[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			text[i] = text[i + 1] = '?';
	}
}

void
fw_log(enum fw_log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t start, most, used;
	int saved_errno = errno;
	va_list args;
	int n;

	if ((int)level > atomic_load_explicit(&log_most, memory_order_relaxed))
		return;
	start = write_prefix(line, sizeof(line), level);
	most = sizeof(line) - start - 1;
	errno = saved_errno;
	va_start(args, format);
	n = vsnprintf(line + start, most, format, args);
	va_end(args);
	used = n < 0 ? 0 : (size_t)n;
	if (used >= most)
		used = fw_text_cut(line + start, most - 1, most - 2);
	mask_controls(line + start, used);
	line[start + used] = '\n';
	if (write(STDERR_FILENO, line, start + used + 1) < 0) {
		/* nobody to tell */
	}
	errno = saved_errno;
}
