/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down about an incident.  The key comes from the cause, so that a replay writes
 * nothing twice. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/state.h"

void
fw_timeline(struct fw_core *core, const struct fw_incident *i, int64_t at_us, const char *key,
    const char *kind, const char *actor, const char *format, ...)
{
	struct fw_timeline *t = fw_arena_alloc(&core->arena, sizeof(*t));
	char detail[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	*t = (struct fw_timeline){
	    .incident = i,
	    .key = fw_arena_text(&core->arena, key, strlen(key)),
	    .at_us = at_us,
	    .kind = kind,
	    .actor = actor,
	    .detail = fw_arena_text(&core->arena, detail, strlen(detail)),
	};
	fw_emit(core, FW_ACT_TIMELINE)->u.timeline = t;
}

const char *
fw_duration_text(struct fw_core *core, int64_t us)
{
	static const struct {
		int64_t us, enough; /* from so many on a rest does not matter */
		const char *word;
	} units[] = {{FW_DAY, 3, "d"}, {60 * FW_MIN, 2, "h"}, {FW_MIN, 2, "min"}, {FW_S, 0, "s"}};
	size_t k = 0;

	while (
	    k < 3 && us < units[k].enough * units[k].us && (us < units[k].us || us % units[k].us))
		k++;
	return fw_arena_printf(
	    &core->arena, "%lld %s", (long long)(us / units[k].us), units[k].word);
}
