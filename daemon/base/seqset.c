/* SPDX-License-Identifier: Apache-2.0 */
/* The highest sequence less a sorted list of gaps; see seqset.h. */
#include "base/seqset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
fw_seqset_fini(struct fw_seqset *s)
{
	free(s->gaps);
	*s = (struct fw_seqset){0};
}

uint32_t
fw_seqset_gap_count(const struct fw_seqset *s)
{
	return s->gaps ? s->gaps->count : 0;
}

/* The first gap that ends at or after `sequence`; their count when there is none. */
static uint32_t
find(const struct fw_seqset *s, uint64_t sequence)
{
	uint32_t low = 0, high = fw_seqset_gap_count(s);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->gaps->items[middle].last < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
remove_gap(struct fw_gaps *g, uint32_t at)
{
	g->count--;
	memmove(&g->items[at], &g->items[at + 1], (g->count - at) * sizeof(g->items[0]));
}

static void
make_room(struct fw_seqset *s)
{
	uint32_t count = fw_seqset_gap_count(s), cap = s->gaps ? s->gaps->cap : 0;

	if (count < cap)
		return;
	cap = cap ? 2 * cap : 1;
	s->gaps = fw_realloc(s->gaps, sizeof(*s->gaps) + cap * sizeof(s->gaps->items[0]), 1);
	s->gaps->count = count;
	s->gaps->cap = cap;
}

static void
insert_gap(struct fw_seqset *s, uint32_t at, struct fw_gap gap)
{
	struct fw_gaps *g;

	make_room(s);
	g = s->gaps;
	memmove(&g->items[at + 1], &g->items[at], (g->count - at) * sizeof(g->items[0]));
	g->items[at] = gap;
	g->count++;
}

static void
join_oldest(struct fw_gaps *g)
{
	if (g->items[1].opened_at_us < g->items[0].opened_at_us)
		g->items[0].opened_at_us = g->items[1].opened_at_us;
	g->items[0].last = g->items[1].last;
	remove_gap(g, 1);
}

static void
append_gap(struct fw_seqset *s, struct fw_gap gap)
{
	if (fw_seqset_gap_count(s) == FW_GAPS_MAX)
		join_oldest(s->gaps);
	insert_gap(s, fw_seqset_gap_count(s), gap);
}

/* `sequence` lies strictly inside the gap. */
static void
split_gap(struct fw_seqset *s, uint32_t at, uint64_t sequence)
{
	struct fw_gap upper;

	if (s->gaps->count == FW_GAPS_MAX) {
		join_oldest(s->gaps);
		at = at > 0 ? at - 1 : 0;
	}
	upper = s->gaps->items[at];
	upper.first = sequence + 1;
	s->gaps->items[at].last = sequence - 1;
	insert_gap(s, at + 1, upper);
}

bool
fw_seqset_add(struct fw_seqset *s, uint64_t sequence, int64_t now_us)
{
	struct fw_gap *gap;
	uint32_t at;

	if (fw_seqset_has(s, sequence))
		return false;
	if (sequence > s->highest) {
		if (sequence - s->highest > 1)
			append_gap(s, (struct fw_gap){s->highest + 1, sequence - 1, now_us});
		s->highest = sequence;
		return true;
	}
	at = find(s, sequence);
	gap = &s->gaps->items[at];
	if (gap->first == gap->last)
		remove_gap(s->gaps, at);
	else if (gap->first == sequence)
		gap->first++;
	else if (gap->last == sequence)
		gap->last--;
	else
		split_gap(s, at, sequence);
	return true;
}

bool
fw_seqset_has(const struct fw_seqset *s, uint64_t sequence)
{
	uint32_t at;

	if (sequence == 0)
		return true;
	if (sequence > s->highest)
		return false;
	at = find(s, sequence);
	return at == fw_seqset_gap_count(s) || s->gaps->items[at].first > sequence;
}

uint64_t
fw_seqset_through(const struct fw_seqset *s)
{
	return fw_seqset_gap_count(s) ? s->gaps->items[0].first - 1 : s->highest;
}

uint64_t
fw_seqset_missing(const struct fw_seqset *s)
{
	uint64_t missing = 0;

	for (uint32_t i = 0; i < fw_seqset_gap_count(s); i++)
		missing += s->gaps->items[i].last - s->gaps->items[i].first + 1;
	return missing;
}

void
fw_seqset_load(struct fw_seqset *s, uint64_t highest, const struct fw_gap *gaps, size_t count)
{
	uint64_t through = 0;

	s->highest = highest;
	if (s->gaps)
		s->gaps->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct fw_gap gap = gaps[i];

		if (gap.first <= through)
			gap.first = through + 1;
		if (gap.last >= highest)
			gap.last = highest ? highest - 1 : 0;
		if (gap.first > gap.last)
			continue;
		append_gap(s, gap);
		through = gap.last;
	}
}
