/* SPDX-License-Identifier: Apache-2.0 */
/* A journal from the outside; see journal_scan.h. */
#include "io/journal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/journal_folder.h"

/* What does not hold may be a record that is being written: that takes microseconds. */
#define LOOKS 4
#define BETWEEN_MS 2

struct fw_scan {
	int directory;
	struct fw_folder folder;
	unsigned segments, unused;
	struct fw_segment *at;
	size_t offset;
};

static void
count_unused(uint64_t number, const char *why, void *context)
{
	struct fw_scan *scan = context;

	(void)number;
	(void)why;
	scan->unused++;
}

int
fw_scan_open(struct fw_scan **out, const char *directory, char *why, size_t why_size)
{
	struct fw_scan *scan = fw_calloc(1, sizeof(*scan));
	int r = FW_EIO;

	scan->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scan->directory < 0)
		snprintf(why, why_size, "%s: %s", directory, strerror(errno));
	else
		r = fw_folder_read(
		    &scan->folder, scan->directory, count_unused, scan, why, why_size);
	for (const struct fw_segment *s = scan->folder.head; s; s = s->next)
		scan->segments++;
	if (r == FW_OK && scan->segments + scan->unused == 0) {
		snprintf(why, why_size, "%s: no journal", directory);
		r = FW_ENOTFOUND;
	}
	scan->at = scan->folder.head;
	scan->offset = FW_SEGMENT_HEADER_BYTES;
	if (r == FW_OK)
		*out = scan;
	else
		fw_scan_close(scan);
	return r;
}

void
fw_scan_close(struct fw_scan *scan)
{
	if (!scan)
		return;
	fw_folder_free(scan->folder.head);
	if (scan->directory >= 0)
		close(scan->directory);
	free(scan);
}

static int
lost(struct fw_scan_item *out, const char *what, uint64_t from, uint64_t to)
{
	*out = (struct fw_scan_item){.lost = true, .what = what, .from = from, .to = to};
	return FW_OK;
}

static int
look(struct fw_segment *s, size_t offset, struct fw_record *record, size_t *next)
{
	int r = FW_ECORRUPT;

	for (int i = 0; i < LOOKS && r == FW_ECORRUPT; i++) {
		if (i > 0)
			poll(NULL, 0, BETWEEN_MS);
		r = fw_segment_read(s, offset, fw_segment_limit(s), record, next);
	}
	return r;
}

/* Whether the segment should have an end mark: the one that is kept ready is no successor yet. */
static bool
should_end(struct fw_segment *s, size_t offset)
{
	return s->next && fw_segment_lacks_end(s, offset, s->next) && !fw_segment_is_blank(s->next);
}

/* FW_EAGAIN: nothing is missing between this segment and the next. */
static int
leave_segment(struct fw_scan *scan, struct fw_scan_item *out)
{
	struct fw_segment *s = scan->at, *next = s->next;
	uint64_t stopped = s->place.first + scan->offset;
	size_t after;

	if (s->mapped < s->place.bytes && stopped < fw_segment_end(s)) {
		scan->offset = (size_t)s->place.bytes;
		return lost(out, "segment cut off", stopped, fw_segment_end(s));
	}
	/* What came since then is before the mark. */
	if (should_end(s, scan->offset) && look(s, scan->offset, &out->record, &after) == FW_OK) {
		scan->offset = after;
		return FW_OK;
	}
	if (should_end(s, scan->offset)) {
		scan->offset = (size_t)s->place.bytes;
		return lost(out, "end of segment lost", stopped, fw_segment_end(s));
	}
	scan->at = s->next;
	scan->offset = FW_SEGMENT_HEADER_BYTES;
	if (next && next->place.previous != s->place.number)
		return lost(out, "segments missing", fw_segment_end(s), next->place.first);
	return FW_EAGAIN;
}

int
fw_scan_next(struct fw_scan *scan, struct fw_scan_item *out)
{
	while (scan->at) {
		struct fw_segment *s = scan->at;
		uint64_t position = s->place.first + scan->offset;
		size_t next;
		int r;

		*out = (struct fw_scan_item){0};
		r = look(s, scan->offset, &out->record, &next);
		if (r == FW_OK) {
			scan->offset = next;
			return FW_OK;
		}
		if (r == FW_ECORRUPT &&
		    (next < fw_segment_limit(s) || s->mapped == s->place.bytes)) {
			scan->offset = next;
			return lost(out, "damaged", position, s->place.first + next);
		}
		if (leave_segment(scan, out) == FW_OK)
			return FW_OK;
	}
	return FW_EAGAIN;
}

uint64_t
fw_scan_journal(const struct fw_scan *scan)
{
	return scan->folder.head ? scan->folder.head->place.journal_id : 0;
}

unsigned
fw_scan_segments(const struct fw_scan *scan)
{
	return scan->segments;
}

unsigned
fw_scan_unused(const struct fw_scan *scan)
{
	return scan->unused;
}
