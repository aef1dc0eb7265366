/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's journal read from the outside, for the investigator: read-only, without its lock, also
 * while the daemon appends to it.  One thread.
 */
#ifndef FW_IO_JOURNAL_SCAN_H
#define FW_IO_JOURNAL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/journal.h"

struct fw_scan;

struct fw_scan_item {
	bool lost;         /* else it is `record`, which holds until the next call */
	const char *what;  /* of what is lost */
	uint64_t from, to; /* positions it lies between */
	struct fw_record record;
};

/* FW_ENOTFOUND: no segment is there.  FW_EVERSION, FW_EIO: `why` names the file. */
FW_MUST_CHECK int fw_scan_open(
    struct fw_scan **out, const char *directory, char *why, size_t why_size);
void fw_scan_close(struct fw_scan *scan); /* NULL is allowed */

/* FW_EAGAIN: that was all. */
FW_MUST_CHECK int fw_scan_next(struct fw_scan *scan, struct fw_scan_item *out);

uint64_t fw_scan_journal(const struct fw_scan *scan); /* its id */
unsigned fw_scan_segments(const struct fw_scan *scan);
unsigned fw_scan_unused(const struct fw_scan *scan); /* files whose name is a segment's */

#endif
