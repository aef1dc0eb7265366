/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has come of one boot's sequences: everything from 1 up to the highest, less a sorted list of
 * gaps.  Deduplication and the ledger of what is missing are the same structure.
 *
 * The list is bounded (FW_GAPS_MAX).  When one more would be needed the two oldest (lowest) gaps
 * are joined into one, which forgets that the sequences between them came: a repeat of those is
 * then taken for new and the database's key refuses it.  Nothing is ever taken for a duplicate that
 * has not come.
 */
#ifndef FW_BASE_SEQSET_H
#define FW_BASE_SEQSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FW_GAPS_MAX 1024

struct fw_gap {
	uint64_t first, last; /* both missing */
	int64_t opened_at_us; /* when a later sequence passed it */
};

struct fw_gaps {
	uint32_t count, cap;
	struct fw_gap items[]; /* ascending */
};

/* Small, since a million devices have two of them: most have no gaps. */
struct fw_seqset {
	uint64_t highest;     /* 0: nothing has come */
	struct fw_gaps *gaps; /* NULL: there were none yet */
};

/* Zeroed memory is an empty set. */
void fw_seqset_fini(struct fw_seqset *s);

/* True when `sequence` (from 1; 0 is never new) had not come.  It has then. */
bool fw_seqset_add(struct fw_seqset *s, uint64_t sequence, int64_t now_us);
bool fw_seqset_has(const struct fw_seqset *s, uint64_t sequence);

uint32_t fw_seqset_gap_count(const struct fw_seqset *s);

/* Everything from 1 up to here has come; 0 when 1 has not. */
uint64_t fw_seqset_through(const struct fw_seqset *s);

/* How many are missing below the highest. */
uint64_t fw_seqset_missing(const struct fw_seqset *s);

/* Replaces the content by a stored one; gaps ascending.  What of them is not sound (overlaps, at or
   beyond highest) is cut off. */
void fw_seqset_load(struct fw_seqset *s, uint64_t highest, const struct fw_gap *gaps, size_t count);

#endif
