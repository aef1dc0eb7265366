/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing a journal: what its folder holds when it is opened.  Segments in which
 * nothing was written are thrown away and their positions never used again: a checkpoint may know
 * positions that a power cut has taken back.  Anything that is not a segment is left alone.
 */
#include "io/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/journal_inside.h"

static void
remove_drafts(const struct fw_journal *j)
{
	int fd = openat(j->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strspn(entry->d_name, "0123456789") == 20 &&
		    strcmp(entry->d_name + 20, ".new") == 0)
			unlinkat(j->directory, entry->d_name, 0);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static void
tell_unused(uint64_t number, const char *why, void *context)
{
	const struct fw_journal *j = context;

	fw_error("journal %s segment=%" PRIu64 " not used: %s", j->name, number, why);
}

static int
new_id(uint64_t *id)
{
	do {
		if (getrandom(id, sizeof(*id), 0) != (ssize_t)sizeof(*id))
			return FW_EIO;
		*id &= INT64_MAX; /* fits a database's bigint */
	} while (*id == 0);
	return FW_OK;
}

/* Where the next segment goes: behind everything that ever had a name here. */
static int
set_coming(struct fw_journal *j, uint64_t highest)
{
	uint64_t beyond = highest;

	j->coming =
	    (struct fw_segment_place){.number = highest + 1, .bytes = (uint32_t)j->segment_bytes};
	if (!j->tail) {
		j->coming.first = beyond * j->segment_bytes;
		return new_id(&j->coming.journal_id);
	}
	beyond -= j->tail->place.number;
	j->coming.journal_id = j->tail->place.journal_id;
	j->coming.first = fw_segment_end(j->tail) + beyond * j->segment_bytes;
	return FW_OK;
}

/* Takes the segments without a record off the end of the list. */
static struct fw_segment *
take_blank(struct fw_journal *j)
{
	struct fw_segment **last_kept = &j->head, *tail = NULL, *blank;

	for (struct fw_segment *s = j->head; s; s = s->next) {
		if (fw_segment_is_blank(s))
			continue;
		last_kept = &s->next;
		tail = s;
	}
	blank = *last_kept;
	*last_kept = NULL;
	j->tail = tail;
	for (const struct fw_segment *s = blank; s; s = s->next)
		j->files_bytes -= s->disk_bytes;
	return blank;
}

static void
remove_all(const struct fw_journal *j, struct fw_segment *s)
{
	while (s) {
		struct fw_segment *next = s->next;

		fw_segment_remove(j->directory, s);
		s = next;
	}
}

/* A start must not cost a whole segment of the quota. */
static void
give_back(struct fw_journal *j)
{
	j->files_bytes -= j->tail->disk_bytes;
	fw_segment_give_back(j->directory, j->tail);
	j->files_bytes += j->tail->disk_bytes;
}

/* The blank ones go last when there is nothing else: one of them must carry the id and the
 * positions on. */
static int
begin(struct fw_journal *j, char *why, size_t why_size)
{
	struct fw_segment *blank = take_blank(j);
	int r;

	j->coming.previous = j->tail ? j->tail->place.number : 0;
	j->id = j->coming.journal_id;
	j->first_due = j->coming.first + FW_SEGMENT_HEADER_BYTES;
	if (j->tail) {
		give_back(j);
		remove_all(j, blank);
		blank = NULL;
	}
	r = fw_keeper_make_spare(j, why, why_size);
	if (r == FW_OK)
		remove_all(j, blank);
	else
		fw_folder_free(blank);
	/* A disk that is full or read-only is no reason not to read what is there: the keeper goes
	 * on trying.  A folder that may not be written to is a mistake of whoever set it up. */
	return r == FW_EREFUSED ? r : FW_OK;
}

static int
scan(struct fw_journal *j, char *why, size_t why_size)
{
	struct fw_folder folder;
	int r = fw_folder_read(&folder, j->directory, tell_unused, j, why, why_size);

	if (r != FW_OK)
		return r;
	j->head = folder.head;
	j->tail = folder.tail;
	j->damaged = folder.outside;
	for (const struct fw_segment *s = j->head; s; s = s->next)
		j->files_bytes += s->disk_bytes;
	if (set_coming(j, folder.highest) != FW_OK) {
		snprintf(
		    why, why_size, "no random number for the journal's id: %s", strerror(errno));
		return FW_EIO;
	}
	return begin(j, why, why_size);
}

/* The folder's own name must be on disk too, and that of the one around it, which is made with it.
 */
static int
sync_names(const struct fw_journal *j, char *why, size_t why_size)
{
	static const char *const above[] = {"..", "../.."};

	for (size_t i = 0; i < 2; i++) {
		int fd = openat(j->directory, above[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool failed = fd >= 0 && fsync(fd) != 0 && errno == EIO;

		if (failed)
			snprintf(why, why_size, "%s/%s: %s", j->name, above[i], strerror(errno));
		if (fd >= 0)
			close(fd);
		if (failed)
			return FW_EIO;
	}
	return FW_OK;
}

static int
open_directory(struct fw_journal *j, char *why, size_t why_size)
{
	if (mkdir(j->name, 0700) != 0 && errno != EEXIST) {
		snprintf(why, why_size, "%s: %s", j->name, strerror(errno));
		return FW_EIO;
	}
	j->directory = open(j->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->directory < 0) {
		snprintf(why, why_size, "%s: %s", j->name, strerror(errno));
		return FW_EIO;
	}
	if (flock(j->directory, LOCK_EX | LOCK_NB) != 0) {
		snprintf(why, why_size, "%s: in use by another process", j->name);
		return errno == EWOULDBLOCK ? FW_EEXIST : FW_EIO;
	}
	remove_drafts(j);
	return sync_names(j, why, why_size);
}

static struct fw_journal *
journal_new(const struct fw_journal_options *options)
{
	struct fw_journal *j = fw_calloc(1, sizeof(*j));
	pthread_condattr_t monotonic;

	j->name = fw_strdup(options->directory);
	j->segment_bytes = (options->segment_bytes + 7) & ~UINT64_C(7);
	j->quota_bytes = options->quota_bytes;
	j->keep_us = options->keep_us;
	j->sync_interval_us = options->sync_interval_us;
	j->directory = -1;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->wake, &monotonic);
	pthread_cond_init(&j->spare_news, NULL);
	pthread_condattr_destroy(&monotonic);
	j->event_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* there may be something to read */
	return j;
}

static void
journal_free(struct fw_journal *j)
{
	fw_folder_free(j->head);
	fw_segment_free(j->spare);
	if (j->directory >= 0)
		close(j->directory);
	if (j->event_fd >= 0)
		close(j->event_fd);
	pthread_cond_destroy(&j->wake);
	pthread_cond_destroy(&j->spare_news);
	pthread_mutex_destroy(&j->lock);
	free(j->name);
	free(j);
}

static int
start(struct fw_journal *j, char *why, size_t why_size)
{
	j->written = j->synced = j->opened_at = j->first_due;
	j->reading = j->head;
	j->read_at = fw_journal_first(j);
	if (j->event_fd >= 0 && pthread_create(&j->keeper, NULL, fw_keeper_run, j) == 0)
		return FW_OK;
	snprintf(why, why_size, "%s: no descriptor or no thread: %s", j->name, strerror(errno));
	return FW_EIO;
}

int
fw_journal_open(
    struct fw_journal **out, const struct fw_journal_options *options, char *why, size_t why_size)
{
	struct fw_journal *j;
	int r;

	if (options->segment_bytes < 2 * FW_SEGMENT_FRAME_BYTES ||
	    options->segment_bytes > UINT32_MAX - 7 ||
	    options->quota_bytes / 2 < options->segment_bytes || options->sync_interval_us < 0) {
		snprintf(why, why_size, "%s: the quota must have room for two segments",
		    options->directory);
		return FW_EINVAL;
	}
	j = journal_new(options);
	r = open_directory(j, why, why_size);
	if (r == FW_OK)
		r = scan(j, why, why_size);
	if (r == FW_OK)
		r = start(j, why, why_size);
	if (r == FW_OK)
		*out = j;
	else
		journal_free(j);
	return r;
}

void
fw_journal_close(struct fw_journal *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->stopping = true;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
	pthread_join(j->keeper, NULL);
	fw_keeper_sync(j);
	journal_free(j);
}
