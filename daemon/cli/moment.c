/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people give them; see moment.h. */
#include "cli/moment.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "cli/say.h"

static const struct {
	const char *word;
	int64_t us;
} units[] = {{"s", FW_S}, {"min", FW_MIN}, {"h", 60 * FW_MIN}, {"d", FW_DAY}};

/* "2h": that long before now; "+2h": behind it.  0: not of that form. */
static int64_t
from_now(const char *text)
{
	char *end;
	struct timespec now;
	bool ahead = *text == '+';
	long count = text[ahead] >= '0' && text[ahead] <= '9' ? strtol(text + ahead, &end, 10) : -1;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; count >= 0 && count <= 1000000 && i < sizeof(units) / sizeof(units[0]);
	     i++)
		if (strcmp(end, units[i].word) == 0)
			return now.tv_sec * FW_S + now.tv_nsec / 1000 +
			       (ahead ? count : -count) * units[i].us;
	return 0;
}

enum fw_exit
fw_moment_take(const char *text, char *out, size_t out_size, const char **value)
{
	int64_t t_us;

	*value = NULL;
	if (!text)
		return FW_EXIT_DONE;
	if (fw_time_parse(text, &t_us) != FW_OK && (t_us = from_now(text)) == 0) {
		fw_say(
		    "%s is no time: RFC 3339 as 2026-11-24T16:40:00+08:00, how long ago as 30min, 2h, 7d, or from now as +2h",
		    text);
		return FW_EXIT_USAGE;
	}
	snprintf(out, out_size, "%" PRId64, t_us);
	*value = out;
	return FW_EXIT_DONE;
}
