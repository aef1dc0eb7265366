/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of deadlines, the earliest at the root; see deadline.h. */
#include "base/deadline.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"

void
fw_deadlines_init(struct fw_deadlines *all)
{
	*all = (struct fw_deadlines){0};
}

void
fw_deadlines_fini(struct fw_deadlines *all)
{
	for (size_t i = 0; i < all->count; i++)
		all->heap[i]->place = 0;
	free(all->heap);
	*all = (struct fw_deadlines){0};
}

static void
put(struct fw_deadlines *all, size_t place, struct fw_deadline *d)
{
	all->heap[place - 1] = d;
	d->place = place;
}

static void
rise(struct fw_deadlines *all, struct fw_deadline *d)
{
	size_t place = d->place;

	for (; place > 1 && all->heap[place / 2 - 1]->at_us > d->at_us; place /= 2)
		put(all, place, all->heap[place / 2 - 1]);
	put(all, place, d);
}

static void
sink(struct fw_deadlines *all, struct fw_deadline *d)
{
	size_t place = d->place;

	while (place * 2 <= all->count) {
		size_t child = place * 2;

		if (child < all->count && all->heap[child]->at_us < all->heap[child - 1]->at_us)
			child++;
		if (all->heap[child - 1]->at_us >= d->at_us)
			break;
		put(all, place, all->heap[child - 1]);
		place = child;
	}
	put(all, place, d);
}

void
fw_deadline_set(struct fw_deadlines *all, struct fw_deadline *d, int64_t at_us)
{
	if (d->place == 0) {
		all->heap =
		    fw_grow(all->heap, &all->cap, all->count + 1, sizeof(struct fw_deadline *));
		put(all, ++all->count, d);
	}
	assert(all->heap[d->place - 1] == d);
	d->at_us = at_us;
	rise(all, d);
	sink(all, d);
}

void
fw_deadline_cancel(struct fw_deadlines *all, struct fw_deadline *d)
{
	struct fw_deadline *last;
	size_t place = d->place;

	if (place == 0)
		return;
	assert(place <= all->count && all->heap[place - 1] == d);
	d->place = 0;
	last = all->heap[--all->count];
	if (last == d)
		return;
	put(all, place, last);
	rise(all, last);
	sink(all, last);
}

bool
fw_deadline_is_set(const struct fw_deadline *d)
{
	return d->place != 0;
}

struct fw_deadline *
fw_deadlines_pop(struct fw_deadlines *all, int64_t now_us)
{
	struct fw_deadline *d = all->count ? all->heap[0] : NULL;

	if (!d || d->at_us > now_us)
		return NULL;
	fw_deadline_cancel(all, d);
	return d;
}

int64_t
fw_deadlines_next_us(const struct fw_deadlines *all)
{
	return all->count ? all->heap[0]->at_us : FW_NEVER;
}

void
fw_deadlines_shift(struct fw_deadlines *all, int64_t by_us)
{
	for (size_t i = 0; i < all->count; i++)
		all->heap[i]->at_us += by_us;
}
