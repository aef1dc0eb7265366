/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test and maintenance windows.  What is raised in one is an alarm like any other, but its triggers
 * page nobody beyond the site; when no window covers it any more and it is still raised, it calls
 * people like a new one.
 */
#include <stdlib.h>
#include <string.h>

#include "core/state.h"

const struct fw_window *
fw_window_of(const struct fw_core *core, const struct fw_device *d, const char *zone, int64_t at_us)
{
	const struct fw_site *site = fw_device_site(d);

	return site ? fw_windows_find(core->windows, site->id, zone, d->id, at_us) : NULL;
}

/* ---------------------------------------------------------------- what is covered no more */

static int
by_id(const void *a, const void *b)
{
	const struct fw_alarm *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* In the arena, in an order that does not depend on the map's. */
static size_t
find_uncovered(struct fw_core *core, struct fw_alarm ***out, int64_t at_us)
{
	size_t cursor = 0, count = 0;
	void *value;

	*out = fw_arena_alloc(&core->arena, fw_strmap_count(&core->raised) * sizeof(**out));
	while (fw_strmap_next(&core->raised, &cursor, &value)) {
		struct fw_alarm *a = value;

		if (a->windowed && !fw_window_of(core, a->device, a->zone, at_us))
			(*out)[count++] = a;
	}
	qsort(*out, count, sizeof(**out), by_id);
	return count;
}

void
fw_window_let_out(struct fw_core *core, int64_t at_us, int64_t now_us)
{
	struct fw_alarm **alarms;
	size_t count = find_uncovered(core, &alarms, at_us);

	for (size_t k = 0; k < count; k++)
		fw_incident_let_out(core, alarms[k], at_us, now_us);
}

/* ---------------------------------------------------------------- the list, and its ends */

/* What was said of a window's end is not said again while its row does not know. */
void
fw_core_load_windows(struct fw_core *core, struct fw_windows *windows)
{
	struct fw_window *w, *before;
	size_t cursor = 0;

	while (core->windows && (w = fw_windows_next(core->windows, &cursor)))
		fw_deadline_cancel(&core->windows_due, &w->deadline);
	for (cursor = 0; (w = fw_windows_next(windows, &cursor));) {
		before = fw_windows_by_id(core->windows, w->id);
		w->over |= before && before->over;
		if (!w->over)
			fw_deadline_set(&core->windows_due, &w->deadline, w->ends_at_us);
	}
	fw_windows_free(core->windows);
	core->windows = windows;
}

static void
end(struct fw_core *core, struct fw_window *w, int64_t now_us)
{
	const struct fw_incident *i =
	    fw_strmap_get(&core->open_incidents, w->site, strlen(w->site));
	struct fw_action *action = fw_emit(core, FW_ACT_WINDOW);

	w->over = true;
	action->u.window.window = w;
	action->u.window.at_us = now_us;
	if (i)
		fw_timeline(core, i, now_us, fw_arena_printf(&core->arena, "window:%s", w->id),
		    "window_over", "firewatchd", "the %s window %s is over",
		    w->maintenance ? "maintenance" : "test", w->id);
}

void
fw_window_tick(struct fw_core *core, int64_t at_us, int64_t now_us)
{
	struct fw_deadline *d;
	bool ended = false;

	while ((d = fw_deadlines_pop(&core->windows_due, at_us))) {
		end(core, (struct fw_window *)d, now_us);
		ended = true;
	}
	if (ended)
		fw_window_let_out(core, at_us, now_us);
}

struct fw_actions
fw_core_set_windows(struct fw_core *core, struct fw_windows *windows, int64_t now_us)
{
	fw_core_begin(core);
	fw_core_load_windows(core, windows);
	if (!core->unread_us) {
		fw_core_pass(core, now_us, now_us);
		fw_window_let_out(core, now_us, now_us);
	}
	return fw_core_end(core);
}
