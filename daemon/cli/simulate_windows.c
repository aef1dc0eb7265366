/* SPDX-License-Identifier: Apache-2.0 */
/* The test windows of a simulation, under the rules of sql/0009_windows.sql; see simulate.h. */
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "cli/simulate.h"

struct fw_window_row {
	struct fw_window window; /* ended early: until then */
	bool announced;
	struct fw_window_row *older;
};

static const char *
keep(struct fw_declared *d, const char *text)
{
	return fw_arena_text(&d->texts, text, strlen(text));
}

static struct fw_window_row *
add(struct fw_declared *d, const struct fw_window *w)
{
	struct fw_window_row *row = fw_arena_alloc(&d->texts, sizeof(*row));

	*row = (struct fw_window_row){.window = {.id = keep(d, w->id),
					  .division = keep(d, w->division),
					  .site = keep(d, w->site),
					  .zone = keep(d, w->zone),
					  .device = keep(d, w->device),
					  .starts_at_us = w->starts_at_us,
					  .ends_at_us = w->ends_at_us,
					  .maintenance = w->maintenance},
	    .older = d->newest};
	d->newest = row;
	return row;
}

void
fw_declared_init(struct fw_declared *d, const struct fw_windows *of_town)
{
	const struct fw_window *w;
	size_t cursor = 0;

	*d = (struct fw_declared){0};
	fw_arena_init(&d->texts, 4096);
	while ((w = fw_windows_next(of_town, &cursor)))
		add(d, w);
}

void
fw_declared_fini(struct fw_declared *d)
{
	fw_arena_fini(&d->texts);
}

/* ---------------------------------------------------------------- what is refused */

static bool
is_zone_of(const struct fw_town *town, const struct fw_site *site, const char *zone)
{
	const struct fw_registration *r;
	size_t cursor = 0;

	while ((r = fw_town_next_device(town, &cursor)))
		if (r->site == site && strcmp(r->zone, zone) == 0)
			return true;
	return false;
}

static const char *
refuse_place(const struct fw_town *town, const struct sim_action *a)
{
	const struct fw_site *site = fw_town_site(town, a->site);
	const struct fw_registration *r =
	    a->device ? fw_town_device(town, a->device, strlen(a->device)) : NULL;

	if (!site)
		return "there is no such site";
	if (a->device && (!r || r->site != site))
		return "the device is not of the site";
	if (a->device && a->zone && strcmp(r->zone, a->zone) != 0)
		return "the device is not in the zone";
	if (a->zone && !is_zone_of(town, site, a->zone))
		return "the site has no such zone";
	return NULL;
}

/* ---------------------------------------------------------------- declared and ended */

/* site~start~number */
static const char *
make_id(struct fw_declared *d, const char *site, int64_t now_us)
{
	time_t seconds = (time_t)(now_us / FW_S);
	struct tm tm;
	char start[32], *prefix;
	unsigned number = 1;

	gmtime_r(&seconds, &tm);
	strftime(start, sizeof(start), "%Y%m%dT%H%M%SZ", &tm);
	prefix = fw_arena_printf(&d->texts, "%s~%s~", site, start);
	for (const struct fw_window_row *row = d->newest; row; row = row->older)
		number += strncmp(row->window.id, prefix, strlen(prefix)) == 0;
	return fw_arena_printf(&d->texts, "%s%u", prefix, number);
}

const char *
fw_declared_add(struct fw_declared *d, const struct fw_town *town, const struct sim_action *a,
    int64_t now_us, const struct fw_window **out)
{
	const char *why = refuse_place(town, a);

	if (why)
		return why;
	*out = &add(d, &(struct fw_window){.id = make_id(d, a->site, now_us),
			   .division = fw_town_site(town, a->site)->division->code,
			   .site = a->site,
			   .zone = a->zone ? a->zone : "",
			   .device = a->device ? a->device : "",
			   .starts_at_us = now_us,
			   .ends_at_us = now_us + a->for_us,
			   .maintenance = a->maintenance})
		    ->window;
	return NULL;
}

const char *
fw_declared_end(
    struct fw_declared *d, const char *site, int64_t now_us, const struct fw_window **out)
{
	for (struct fw_window_row *row = d->newest; row; row = row->older) {
		struct fw_window *w = &row->window;

		if (strcmp(w->site, site) != 0 || w->ends_at_us <= now_us)
			continue;
		w->ends_at_us = now_us;
		*out = w;
		return NULL;
	}
	return "it has none that lasts";
}

void
fw_declared_announced(struct fw_declared *d, const char *id)
{
	for (struct fw_window_row *row = d->newest; row; row = row->older)
		if (strcmp(row->window.id, id) == 0)
			row->announced = true;
}

struct fw_windows *
fw_declared_read(const struct fw_declared *d)
{
	struct fw_windows *all = fw_windows_new();

	for (const struct fw_window_row *row = d->newest; row; row = row->older)
		if (!row->announced)
			fw_windows_add(all, &row->window);
	return all;
}
