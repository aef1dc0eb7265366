/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of one lane: the queue between Paho's receive thread and the event loop, and what
 * survives a crash.
 *
 * A folder of preallocated, memory-mapped segment files.  One thread appends (Paho's), one reads
 * (the loop), and the journal's own background thread syncs and makes the next segment ready.  A
 * position is a byte count over the whole life of a journal; `id` tells one life from another (a
 * folder that was wiped begins a new one).
 *
 * journal_segment.h has the layout.  What can go wrong with it, and the rule for each:
 *
 *	damaged record   passed over; reading goes on at the next record that holds, and of a record
 *			 whose header holds only that one is lost
 *	lost page        zeros before a record are damage, and those at the end of a segment that
 *was filled, which its end mark tells.  Of the last pages of a start's last segment only a
 *checkpoint behind them tells torn tail        is damage: a record that was never accepted. Nothing
 *is ever written over, each start begins a segment of its own damaged header   the other one of the
 *segment is used; with neither, the segment is missing cut file         damage from the last record
 *that is whole to the segment's end unreadable page  damage, also at the end of a segment missing
 *segment  damage, unless nothing is left before it: then a seek to a checkpoint tells foreign
 *segment  left alone (journal_folder.h says which is which) newer version    the journal is not
 *opened full disk, quota, read-only disk what is there is read, appends are refused and counted;
 *each second it is tried again failed sync      nothing more is accepted until the journal is
 *opened anew: what the disk holds of the last records is not known
 *
 * Each damage is counted once, when the reader meets it, and logged with its positions: what was
 * lost lies from the first up to, not including, the second.
 */
#ifndef FW_IO_JOURNAL_H
#define FW_IO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fw_journal;

struct fw_journal_options {
	const char *directory;  /* of this lane; made when missing, mode 0700 */
	uint64_t segment_bytes; /* of a file, header included; at most 4 GiB - 1 */
	uint64_t quota_bytes;   /* of all files together, at least two segments; one is always kept
				   ready ahead */
	int64_t keep_us;        /* a segment stays this long after release */
	int64_t sync_interval_us; /* 0: fw_journal_append syncs before it returns; else the
				     background thread begins to, this late */
};

struct fw_record {
	uint64_t position;      /* of the record */
	uint64_t next;          /* of the one after it: what a checkpoint stores */
	int64_t received_at_us; /* as given to append */
	/* not NUL-terminated; points into the map until the next read or release */
	const char *topic;
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
	/* of the payload as it came; larger than payload_len where it was cut */
	uint64_t original_len;
};

struct fw_journal_state { /* any thread may ask */
	uint64_t id;
	uint64_t written; /* position after the last record appended */
	uint64_t synced;  /* everything before it is on disk */
	uint64_t read;    /* position of the next record to read */
	uint64_t released;
	uint64_t files_bytes; /* of all segments on disk */
	uint64_t quota_bytes;
	uint64_t records;       /* appended since open */
	uint64_t read_records;  /* handed out since open … */
	uint64_t found_records; /* … of which this many were there when it was opened */
	uint64_t lost_records;  /* appended since open, and damaged before they were read; known
				   when all before `written` has been read */
	uint64_t refused; /* appends that found no room: lost unless the device repeats them */
	uint64_t damaged; /* places where something is lost, since open: each was logged with its
			     positions */
	uint64_t damaged_bytes; /* of positions between them, which is what was lost at most */
	uint64_t sync_errors;
	bool no_room;        /* no further segment can be made: the disk or the quota is full */
	uint64_t room_bytes; /* in the segments that there are */
	bool failed;         /* a write or sync failed: nothing more is accepted */
};

/*
 * Opens or makes a journal.  On an error `why` names the file and what is wrong with it: FW_EIO,
 * FW_EVERSION, FW_EEXIST (another process has it open: the folder is locked with flock), FW_EINVAL.
 * FW_EREFUSED: the folder may not be written to.  A quota that is used up, a full or a read-only
 * disk is no error: what is there can be read, appends are refused until there is room.
 */
FW_MUST_CHECK int fw_journal_open(
    struct fw_journal **out, const struct fw_journal_options *options, char *why, size_t why_size);

/* Stops the background thread, syncs, closes.  NULL is allowed. */
void fw_journal_close(struct fw_journal *j);

/*
 * Appends one record; from one thread at a time.  It can be read at once; with sync_interval_us 0
 * it is also on disk when this returns 0.  `original_len` > payload_len says that the payload was
 * cut. FW_EFULL: quota or disk full.  FW_EIO: the sync failed, or the disk is read-only.
 * FW_ETOOBIG: larger than a segment. Each is counted.
 */
FW_MUST_CHECK int fw_journal_append(struct fw_journal *j, int64_t received_at_us, const char *topic,
    size_t topic_len, const void *payload, size_t payload_len, uint64_t original_len);

/* A file descriptor (eventfd) that becomes readable when there may be something to read.  Loop
 * thread. */
int fw_journal_fd(const struct fw_journal *j);

/* Clears the descriptor; call before reading until FW_EAGAIN. */
void fw_journal_clear_fd(struct fw_journal *j);

/* Sets where reading goes on: a stored checkpoint.  FW_ENOTFOUND: before the first or after the
   last position held;
   `*nearest` is then the next position that is held, and nothing has moved.  What lies before is
   released; it goes once fw_journal_release has told the time.  Loop thread, before the first read.
 */
FW_MUST_CHECK int fw_journal_seek(struct fw_journal *j, uint64_t position, uint64_t *nearest);

/* The position of the first record held. */
uint64_t fw_journal_first(const struct fw_journal *j);

/* The next record.  FW_EAGAIN: none now.  Damaged ones are passed over, counted and logged.  Loop
 * thread. */
FW_MUST_CHECK int fw_journal_read(struct fw_journal *j, struct fw_record *out);

/* Likewise, for a reader that looks again by itself: the descriptor stays as it is when there is
 * none, which saves the appender a system call for each record of a steady flow. */
FW_MUST_CHECK int fw_journal_poll(struct fw_journal *j, struct fw_record *out);

/* Everything before `position` is committed: whole segments before it may go once they are older
   than keep_us (from their release) or the quota needs the room.  `now_us` decides.  Loop thread.
 */
void fw_journal_release(struct fw_journal *j, uint64_t position, int64_t now_us);

void fw_journal_state(const struct fw_journal *j, struct fw_journal_state *out);

/* Share of the quota that records not yet released take, 0 to 100: the loop disconnects a lane
 * before it is full. */
unsigned fw_journal_filled_percent(const struct fw_journal *j);

#endif
