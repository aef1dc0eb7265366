/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments of a journal's folder.  They are one journal when they carry the same id, and follow
 * each other in number and position.  When files of several journals were put together, the one of
 * the most segments is read, of equals the one of the newest; the others are left alone.
 */
#ifndef FW_IO_JOURNAL_FOLDER_H
#define FW_IO_JOURNAL_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/journal_segment.h"

struct fw_folder {
	struct fw_segment *head, *tail; /* oldest first */
	uint64_t highest;               /* number of any segment's name; 0: none */
	unsigned outside;               /* not used, and not between two that are */
};

/* What is not used is told one by one.  FW_EVERSION, FW_EIO: `why` names the file. */
FW_MUST_CHECK int fw_folder_read(struct fw_folder *out, int directory,
    void (*tell)(uint64_t number, const char *why, void *context), void *context, char *why,
    size_t why_size);

void fw_folder_free(struct fw_segment *head);

#endif
