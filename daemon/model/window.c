/* SPDX-License-Identifier: Apache-2.0 */
/* A list of windows; see window.h.  By id, and by site: an alarm asks for those of its own site
 * alone. */
#include "model/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/strmap.h"

/* Keys are what operators have typed and the town's own: no sender chooses them. */
#define HASH_SEED 0

struct fw_windows {
	struct fw_arena arena;
	struct fw_strmap by_id;
	struct fw_strmap by_site; /* the last added of each; linked by next */
};

struct fw_windows *
fw_windows_new(void)
{
	struct fw_windows *all = fw_calloc(1, sizeof(*all));

	fw_arena_init(&all->arena, 4096);
	fw_strmap_init(&all->by_id, HASH_SEED);
	fw_strmap_init(&all->by_site, HASH_SEED);
	return all;
}

void
fw_windows_free(struct fw_windows *all)
{
	if (!all)
		return;
	fw_strmap_fini(&all->by_id);
	fw_strmap_fini(&all->by_site);
	fw_arena_fini(&all->arena);
	free(all);
}

static const char *
copy(struct fw_windows *all, const char *text)
{
	return fw_arena_text(&all->arena, text, strlen(text));
}

void
fw_windows_add(struct fw_windows *all, const struct fw_window *row)
{
	struct fw_window *w;

	if (fw_windows_by_id(all, row->id))
		return;
	w = fw_arena_alloc(&all->arena, sizeof(*w));
	*w = (struct fw_window){
	    .id = copy(all, row->id),
	    .division = copy(all, row->division),
	    .site = copy(all, row->site),
	    .zone = copy(all, row->zone),
	    .device = copy(all, row->device),
	    .starts_at_us = row->starts_at_us,
	    .ends_at_us = row->ends_at_us,
	    .maintenance = row->maintenance,
	    .over = row->over,
	};
	w->next = fw_strmap_remove(&all->by_site, w->site, strlen(w->site));
	fw_strmap_put(&all->by_site, w->site, strlen(w->site), w);
	fw_strmap_put(&all->by_id, w->id, strlen(w->id), w);
}

struct fw_window *
fw_windows_next(const struct fw_windows *all, size_t *cursor)
{
	void *value;

	return fw_strmap_next(&all->by_id, cursor, &value) ? value : NULL;
}

struct fw_window *
fw_windows_by_id(const struct fw_windows *all, const char *id)
{
	return all ? fw_strmap_get(&all->by_id, id, strlen(id)) : NULL;
}

static bool
covers(const struct fw_window *w, const char *zone, const char *device, int64_t at_us)
{
	return at_us >= w->starts_at_us && at_us < w->ends_at_us &&
	       (!*w->zone || strcmp(w->zone, zone) == 0) &&
	       (!*w->device || strcmp(w->device, device) == 0);
}

const struct fw_window *
fw_windows_find(const struct fw_windows *all, const char *site, const char *zone,
    const char *device, int64_t at_us)
{
	const struct fw_window *w = all ? fw_strmap_get(&all->by_site, site, strlen(site)) : NULL;

	while (w && (w->over || !covers(w, zone, device, at_us)))
		w = w->next;
	return w;
}

/* One that covers the place then: not over if there is one, else that which lasted longest. */
static const struct fw_window *
find_longest(const struct fw_window *first, const char *zone, const char *device, int64_t at_us)
{
	const struct fw_window *best = NULL;

	for (const struct fw_window *w = first; w; w = w->next)
		if (covers(w, zone, device, at_us) &&
		    (!best || best->over > w->over ||
			(best->over == w->over && best->ends_at_us < w->ends_at_us)))
			best = w;
	return best;
}

bool
fw_windows_kept(const struct fw_windows *all, const char *site, const char *zone,
    const char *device, int64_t from_us, int64_t until_us)
{
	const struct fw_window *first =
	    all ? fw_strmap_get(&all->by_site, site, strlen(site)) : NULL;
	int64_t at_us = from_us;

	while (at_us <= until_us) {
		const struct fw_window *w = find_longest(first, zone, device, at_us);

		if (!w || !w->over)
			return w != NULL;
		at_us = w->ends_at_us;
	}
	return true;
}

bool
fw_windows_since(const struct fw_windows *all, const char *site, int64_t from_us)
{
	const struct fw_window *w = all ? fw_strmap_get(&all->by_site, site, strlen(site)) : NULL;

	while (w && w->ends_at_us <= from_us)
		w = w->next;
	return w != NULL;
}
