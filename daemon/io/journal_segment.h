/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One segment file of a journal: its layout, and how it is made, mapped, filled and read.  Only the
 *journal includes this.
 *
 *	segment  header (64 bytes), records, zeros up to the end
 *	record   length u32, CRC-32C u32 (of the length and of all that follows), receive time i64,
 *original_len u64, topic length u32, 0 u32, topic, payload, zeros up to a multiple of 8
 *
 * Numbers are in the byte order of the machine.  The length is that of the record without the zeros
 *behind it; a length of 0 is the end.  Every block of a file is allocated before it gets its name,
 *so that the map never meets a full disk.
 */
#ifndef FW_IO_JOURNAL_SEGMENT_H
#define FW_IO_JOURNAL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/journal.h"

#define FW_SEGMENT_HEADER_BYTES 64

/* What identifies a segment; in its header. */
struct fw_segment_place {
	uint64_t journal_id;
	uint64_t number;   /* from 1, in the file's name */
	uint64_t previous; /* number of the segment before it, 0: none */
	uint64_t first;    /* position of its first byte */
	uint64_t bytes;    /* of the file, header included */
};

struct fw_segment {
	struct fw_segment *next;
	struct fw_segment_place place;
	uint8_t *map;
	size_t mapped; /* bytes; less than place.bytes when the file was cut */
	bool finished; /* read to its end */
	bool released;
	int64_t released_at_us; /* FW_NEVER: not known yet */
};

/* Whether a file of that name is a segment.  number may be 0 when it is not. */
bool fw_segment_parse_name(const char *name, uint64_t *number);

/* Makes a segment and its directory entry durable.  FW_EFULL: no disk space. */
FW_MUST_CHECK int fw_segment_create(struct fw_segment **out, int directory,
    const struct fw_segment_place *place, char *why, size_t why_size);

/* Maps one for reading.  FW_EVERSION, FW_ECORRUPT: the header does not hold. */
FW_MUST_CHECK int fw_segment_open(
    struct fw_segment **out, int directory, uint64_t number, char *why, size_t why_size);

void fw_segment_free(struct fw_segment *s);                  /* the file stays; NULL is allowed */
void fw_segment_remove(int directory, struct fw_segment *s); /* the file goes too */

/* The position behind the segment. */
uint64_t fw_segment_end(const struct fw_segment *s);

/* Bytes that a record takes, a multiple of 8; 0: more than any segment can hold. */
size_t fw_segment_record_bytes(size_t topic_len, size_t payload_len);

/* Writes a record that fits at the offset. */
void fw_segment_put(struct fw_segment *s, size_t offset, const struct fw_record *record);

/* The record at the offset, of which `limit` bytes of the segment are written.  FW_ENOTFOUND: none
   begins there. FW_ECORRUPT: one does, and does not hold. */
FW_MUST_CHECK int fw_segment_get(
    const struct fw_segment *s, size_t offset, size_t limit, struct fw_record *out);

/* Whether nothing but zeros follows. */
bool fw_segment_is_blank(const struct fw_segment *s, size_t offset);

/* Makes the bytes from..to durable. */
FW_MUST_CHECK int fw_segment_sync(const struct fw_segment *s, size_t from, size_t to);

#endif
