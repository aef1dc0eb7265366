/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of readings; see watched.h.  Decides nothing but when it is full. */
#include "core/watched.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

#define HOLD_MOST_US (30 * FW_S)

static struct fw_watched_key
key_of(const struct fw_device *d, uint32_t point, const struct fw_threshold *t)
{
	return (struct fw_watched_key){.device = d,
	    .point = point,
	    .quantity = (uint8_t)t->quantity,
	    .class = (uint8_t)t->class,
	    .below = t->below,
	    .is_change = t->window_us != 0};
}

struct fw_watched *
fw_watched_find(const struct fw_core *core, const struct fw_device *d, uint32_t point,
    const struct fw_threshold *t)
{
	const struct fw_watched_key key = key_of(d, point, t);

	return d->watch_count ? fw_strmap_get(&core->watches, (const char *)&key, sizeof(key))
			      : NULL;
}

struct fw_watched *
fw_watched_make(
    struct fw_core *core, struct fw_device *d, uint32_t point, const struct fw_threshold *t)
{
	struct fw_watched *w = fw_watched_find(core, d, point, t);

	if (w)
		return w;
	if (d->watch_count >= FW_WATCHES_MAX) {
		core->counters.watches_refused++;
		return NULL;
	}
	w = fw_calloc(1, sizeof(*w));
	w->key = key_of(d, point, t);
	w->device = d;
	d->watch_count++;
	fw_strmap_put(&core->watches, (const char *)&w->key, sizeof(w->key), w);
	return w;
}

static void
free_pending(struct fw_core *core, struct fw_watched *w)
{
	fw_deadline_cancel(&core->watches_due, &w->pending->deadline);
	free(w->pending->name);
	free(w->pending);
	w->pending = NULL;
}

void
fw_watched_free(struct fw_core *core, struct fw_watched *w)
{
	if (w->pending)
		free_pending(core, w);
	fw_strmap_remove(&core->watches, (const char *)&w->key, sizeof(w->key));
	w->device->watch_count--;
	free(w->rate);
	free(w);
}

void
fw_watches_fini(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&core->watches, &cursor, &value))
		fw_watched_free(core, value);
	fw_strmap_fini(&core->watches);
	fw_deadlines_fini(&core->watches_due);
}

/* ---------------------------------------------------------------- what must last */

static void
emit(struct fw_core *core, const struct fw_watched *w, const char *state)
{
	struct fw_watch_row *row = fw_arena_alloc(&core->arena, sizeof(*row));
	const struct fw_pending *p = w->pending;

	*row = (struct fw_watch_row){
	    .device = w->device->id,
	    .division = fw_device_division(w->device),
	    .point = w->key.point,
	    .quantity = w->key.quantity,
	    .class = (enum fw_class)w->key.class,
	    .below = w->key.below,
	    .is_change = w->key.is_change,
	    .state = state,
	    .name = fw_arena_text(&core->arena, p->name, strlen(p->name)),
	    .value = p->value,
	    .change = p->change,
	    .boot_id = p->boot_id,
	    .sequence = p->sequence,
	    .mode = p->mode,
	    .backfill = p->backfill,
	    .past = p->past,
	    .at_us = p->at_us,
	    .observed_at_us = p->observed_at_us,
	    .received_at_us = p->received_at_us,
	    .due_at_us = p->due_at_us,
	};
	fw_emit(core, FW_ACT_WATCH)->u.watch = row;
}

static void
set_pending(struct fw_watched *w, const struct fw_pending *first)
{
	struct fw_pending *p = fw_calloc(1, sizeof(*p));

	*p = *first;
	p->deadline = (struct fw_deadline){0};
	p->watch = w;
	p->name = fw_strdup(first->name);
	w->pending = p;
}

void
fw_watched_begin(struct fw_core *core, struct fw_watched *w, const struct fw_pending *first,
    int64_t delay_us, bool past)
{
	set_pending(w, first);
	w->pending->past = past;
	w->pending->due_at_us = first->received_at_us + delay_us;
	fw_deadline_set(&core->watches_due, &w->pending->deadline, w->pending->due_at_us);
	emit(core, w, "pending");
}

void
fw_watched_end(struct fw_core *core, struct fw_watched *w, const char *how)
{
	emit(core, w, how);
	free_pending(core, w);
}

/* What came before the end of the delay may still be unread in the journal, or with the broker: it
 * is waited for as long again, or for half a minute. */
static void
hold(struct fw_core *core, int64_t lasts_us, int64_t now_us)
{
	int64_t until = now_us + (lasts_us < HOLD_MOST_US ? lasts_us : HOLD_MOST_US);

	if (until > core->watches_held_us)
		core->watches_held_us = until;
	if (until > core->unread_us)
		core->unread_us = until;
}

void
fw_core_load_watch(struct fw_core *core, const struct fw_watch_row *row, int64_t now_us)
{
	const struct fw_threshold slot = {.quantity = row->quantity,
	    .class = row->class,
	    .below = row->below,
	    .window_us = row->is_change};
	struct fw_watched *w;

	if (row->quantity <= 0 || row->quantity >= FW_QUANTITIES || row->class >= FW_CLASSES)
		return;
	w = fw_watched_make(
	    core, fw_core_device_of_row(core, row->device, row->division), row->point, &slot);
	if (!w || w->pending)
		return;
	set_pending(w, &(struct fw_pending){.name = (char *)(uintptr_t)row->name,
			   .value = row->value,
			   .change = row->change,
			   .at_us = row->at_us,
			   .observed_at_us = row->observed_at_us,
			   .received_at_us = row->received_at_us,
			   .due_at_us = row->due_at_us,
			   .sequence = row->sequence,
			   .boot_id = row->boot_id,
			   .mode = row->mode,
			   .backfill = row->backfill,
			   .past = row->past});
	if (!row->past)
		w->last = (struct fw_mark){.at_us = row->at_us,
		    .sequence = row->sequence,
		    .boot_id = row->boot_id,
		    .known = true,
		    .over = true,
		    .past = row->backfill};
	fw_deadline_set(&core->watches_due, &w->pending->deadline, row->due_at_us);
	hold(core, row->due_at_us - row->received_at_us, now_us);
}

/* ---------------------------------------------------------------- rate of change */

static double
further(const struct fw_threshold *t, double a, double b)
{
	if (isnan(a))
		return b;
	return isnan(b) || (t->below ? a > b : a < b) ? a : b;
}

static void
forget(struct fw_rate *r, int64_t first, int64_t last)
{
	for (int64_t n = first; n <= last && n < first + FW_RATE_PARTS; n++)
		r->reach[n % FW_RATE_PARTS] = NAN;
}

double
fw_watched_change(struct fw_watched *w, const struct fw_threshold *t, int64_t at_us, double value)
{
	int64_t part_us = t->window_us > FW_RATE_PARTS ? t->window_us / FW_RATE_PARTS : 1;
	int64_t part = at_us / part_us;
	struct fw_rate *r = w->rate = w->rate ? w->rate : fw_calloc(1, sizeof(*r));
	double reach = NAN;

	if (r->part_us != part_us) {
		*r = (struct fw_rate){.part_us = part_us, .part = part, .newest_us = INT64_MIN};
		forget(r, 0, FW_RATE_PARTS - 1);
	}
	if (part > r->part) {
		forget(r, r->part + 1, part);
		r->part = part;
	}
	if (part > r->part - FW_RATE_PARTS)
		r->reach[part % FW_RATE_PARTS] = further(t, r->reach[part % FW_RATE_PARTS], value);
	if (at_us >= r->newest_us) {
		r->newest_us = at_us;
		r->newest = value;
	}
	for (int k = 0; k < FW_RATE_PARTS; k++)
		reach = further(t, reach, r->reach[k]);
	return r->newest - reach;
}
