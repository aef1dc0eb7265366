/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the journal: what its three threads share.  Only journal.c, journal_open.c and
 *journal_keeper.c include this.
 *
 *	appender  owns `active` and the bytes of it from `written` on
 *	reader    owns `reading`
 *	keeper    makes the spare segment, syncs, and takes released segments off the front of the
 *list
 *
 * `lock` guards the list and what is marked so; nobody holds it over a system call that may wait
 *for a disk.  A record is handed over by storing `written` after its bytes.  Two edges must not be
 *lost, and each is the same exchange of two sequentially consistent variables: the sleeper stores
 *its flag, then loads `written`; the appender stores `written`, then loads the flag.  One of them
 *sees the other.
 */
#ifndef FW_IO_JOURNAL_INSIDE_H
#define FW_IO_JOURNAL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/journal_folder.h"
#include "io/journal_segment.h"

#define FW_JOURNAL_WHY_BYTES 256

struct fw_journal {
	char *name; /* of the folder, for the log */
	uint64_t segment_bytes, quota_bytes;
	int64_t keep_us, sync_interval_us;
	int directory; /* locked with flock */
	int event_fd;
	uint64_t id;

	pthread_mutex_t lock;
	pthread_cond_t wake;       /* the keeper, under lock */
	pthread_cond_t spare_news; /* the appender, under lock: spare or spare_error has been set */
	pthread_t keeper;

	struct fw_segment *head, *tail; /* lock: oldest first; the spare is not among them */
	struct fw_segment *spare;       /* lock: ready, nothing in it */
	int spare_error;                /* lock: why there is no spare */
	uint64_t files_bytes;           /* lock */
	struct fw_segment_place coming; /* lock: of the spare that is made next */
	int64_t now_us;                 /* lock: as last told by the loop */
	bool kicked, stopping;          /* lock */

	struct fw_segment *active; /* the appender's; NULL: the next append begins one */
	uint64_t first_due;        /* where that one's first record will be; lock */

	uint64_t left_segment;      /* the reader's: number of the segment … */
	size_t left_offset;         /* … of which the pages up to here were given back */
	struct fw_segment *reading; /* the reader's; NULL: none yet */
	uint64_t opened_at;         /* `written` when it was opened */

	_Atomic uint64_t written, synced, read_at, released;
	_Atomic bool reader_asleep, sync_wanted;
	_Atomic uint64_t read_records, found_records, lost_records; /* the reader's */
	_Atomic uint64_t records, refused, damaged, damaged_bytes, sync_errors;
	_Atomic bool failed;
};

/* journal_keeper.c */
FW_MUST_CHECK int fw_keeper_make_spare(struct fw_journal *j, char *why, size_t why_size);
void *fw_keeper_run(void *journal);
void fw_keeper_sync(struct fw_journal *j);

#endif
