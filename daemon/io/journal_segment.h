/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One segment file of a journal: its layout, and how it is made, mapped, filled and read.  Only the
 *journal includes this.
 *
 *	segment  header (64 bytes), records, zeros, the header again (the last 64 bytes)
 *	record   length u32, CRC of the body u32, receive time i64, original_len u64, topic length
 *u32, CRC of the 28 bytes before it u32; the body: topic, payload; zeros up to a multiple of 8
 *
 * An end mark, a record of nothing with original_len UINT64_MAX, stands where a segment was left
 *for the next.
 *
 * Numbers are in the byte order of the machine, CRCs are CRC-32C.  The length is that of header and
 *body.  Every CRC of a record begins with the segment's salt, a random number that leaves its
 *header for nowhere, and with the record's position: neither a payload that looks like a record nor
 *a record of another place ever holds.  Every block of a file is allocated before it gets its name,
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
#define FW_SEGMENT_FRAME_BYTES ((size_t)2 * FW_SEGMENT_HEADER_BYTES) /* what no record can have */

/* What identifies a segment; in its header. */
struct fw_segment_place {
	uint64_t journal_id;
	uint64_t number;   /* from 1, in the file's name */
	uint64_t previous; /* number of the segment before it, 0: none */
	uint64_t first;    /* position of its first byte */
	uint32_t bytes;    /* of the file, headers included */
	uint32_t goes_on;  /* 1: the one before it was filled by the same start */
};

struct fw_segment {
	struct fw_segment *next;
	struct fw_segment_place place;
	uint64_t salt;
	uint8_t *map;
	size_t mapped;        /* bytes; less than place.bytes when the file was cut */
	size_t readable;      /* bytes from the start known to be so; the reader's */
	size_t unreadable_to; /* behind the last page that the disk could not read */
	size_t disk_bytes; /* that it takes; less than place.bytes when its blank end was given back
			    */
	bool ended;        /* its end mark has been read */
	bool finished;     /* read to its end */
	bool released;
	int64_t released_at_us; /* FW_NEVER: not known yet */
};

/* Whether a file of that name is a segment.  number may be 0 when it is not. */
bool fw_segment_parse_name(const char *name, uint64_t *number);

/* Makes a segment and its directory entry durable.  FW_EFULL: no disk space.
   FW_EREFUSED: not permitted. */
FW_MUST_CHECK int fw_segment_create(struct fw_segment **out, int directory,
    const struct fw_segment_place *place, char *why, size_t why_size);

/* Maps one for reading.  FW_ENOTFOUND: no such file.  FW_EVERSION, FW_ECORRUPT: neither header
 * holds. */
FW_MUST_CHECK int fw_segment_open(
    struct fw_segment **out, int directory, uint64_t number, char *why, size_t why_size);

void fw_segment_free(struct fw_segment *s);                  /* the file stays; NULL is allowed */
void fw_segment_remove(int directory, struct fw_segment *s); /* the file goes too */

/* Gives the blocks of the zeros at the end of one that is written no more back to the disk.  What
 * is read of it stays the same. */
void fw_segment_give_back(int directory, struct fw_segment *s);

/* The position behind the segment. */
uint64_t fw_segment_end(const struct fw_segment *s);

/* Where records end: the offset behind the last byte that one may have. */
size_t fw_segment_limit(const struct fw_segment *s);

/* Bytes that a record takes, a multiple of 8; 0: more than any segment can hold. */
size_t fw_segment_record_bytes(size_t topic_len, size_t payload_len);

/* Writes that nothing follows, when there is room for that. */
void fw_segment_put_end(struct fw_segment *s, size_t offset);

/* Whether records are missing between the offset, where reading ended, and the segment that
 * follows: one that was left for the next has an end mark. */
bool fw_segment_lacks_end(
    const struct fw_segment *s, size_t offset, const struct fw_segment *following);

/* Writes a record that fits at the offset. */
void fw_segment_put(struct fw_segment *s, size_t offset, const struct fw_record *record);

/*
 * The record at the offset, of which `limit` bytes of the segment are written; *next is the offset
 * behind it.  FW_ECORRUPT: what is there does not hold, and *next is where reading goes on: the
 * next record, or `limit`.  FW_ENOTFOUND: nothing but zeros follows, or the end mark.  What the
 * disk cannot read is as zeros.
 */
FW_MUST_CHECK int fw_segment_read(
    struct fw_segment *s, size_t offset, size_t limit, struct fw_record *out, size_t *next);

/* Whether it holds nothing at all.  One that was cut does. */
bool fw_segment_is_blank(struct fw_segment *s);

/* Gives the pages of from..to, which are read on demand again, back to the system. */
void fw_segment_leave(const struct fw_segment *s, size_t from, size_t to);

/* Makes the bytes from..to durable. */
FW_MUST_CHECK int fw_segment_sync(const struct fw_segment *s, size_t from, size_t to);

#endif
