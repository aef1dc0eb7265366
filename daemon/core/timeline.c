/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down about an incident.  The key comes from the cause, so that a replay writes
 * nothing twice. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
