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

/* The first gap that ends at or after `sequence`; gap_count when there is none. */
static uint32_t
find(const struct fw_seqset *s, uint64_t sequence)
{
	uint32_t low = 0, high = s->gap_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->gaps[middle].last < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
remove_gap(struct fw_seqset *s, uint32_t at)
{
	s->gap_count--;
	memmove(&s->gaps[at], &s->gaps[at + 1], (s->gap_count - at) * sizeof(*s->gaps));
}

static void
insert_gap(struct fw_seqset *s, uint32_t at, struct fw_gap gap)
{
	size_t cap = s->gap_cap;

	s->gaps = fw_grow(s->gaps, &cap, (size_t)s->gap_count + 1, sizeof(*s->gaps));
	s->gap_cap = (uint32_t)cap;
	memmove(&s->gaps[at + 1], &s->gaps[at], (s->gap_count - at) * sizeof(*s->gaps));
	s->gaps[at] = gap;
	s->gap_count++;
}

static void
join_oldest(struct fw_seqset *s)
{
	if (s->gaps[1].opened_at_us < s->gaps[0].opened_at_us)
		s->gaps[0].opened_at_us = s->gaps[1].opened_at_us;
	s->gaps[0].last = s->gaps[1].last;
	remove_gap(s, 1);
}

static void
append_gap(struct fw_seqset *s, struct fw_gap gap)
{
	if (s->gap_count == FW_GAPS_MAX)
		join_oldest(s);
	insert_gap(s, s->gap_count, gap);
}

/* `sequence` lies strictly inside the gap. */
static void
split_gap(struct fw_seqset *s, uint32_t at, uint64_t sequence)
{
	struct fw_gap upper;

	if (s->gap_count == FW_GAPS_MAX) {
		join_oldest(s);
		at = at > 0 ? at - 1 : 0;
	}
	upper = s->gaps[at];
	upper.first = sequence + 1;
	s->gaps[at].last = sequence - 1;
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
	gap = &s->gaps[at];
	if (gap->first == gap->last)
		remove_gap(s, at);
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
	return at == s->gap_count || s->gaps[at].first > sequence;
}

uint64_t
fw_seqset_through(const struct fw_seqset *s)
{
	return s->gap_count ? s->gaps[0].first - 1 : s->highest;
}

uint64_t
fw_seqset_missing(const struct fw_seqset *s)
{
	uint64_t missing = 0;

	for (uint32_t i = 0; i < s->gap_count; i++)
		missing += s->gaps[i].last - s->gaps[i].first + 1;
	return missing;
}

void
fw_seqset_load(struct fw_seqset *s, uint64_t highest, const struct fw_gap *gaps, size_t count)
{
	uint64_t through = 0;

	s->highest = highest;
	s->gap_count = 0;
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
