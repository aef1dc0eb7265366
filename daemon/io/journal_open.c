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

struct numbers {
	uint64_t *items;
	size_t count, cap;
};

static int
compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
is_draft(const char *name)
{
	return strspn(name, "0123456789") == 20 && strcmp(name + 20, ".new") == 0;
}

static int
list_numbers(const struct fw_journal *j, struct numbers *all, char *why, size_t why_size)
{
	int fd = openat(j->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	uint64_t number;

	if (!dir) {
		snprintf(why, why_size, "%s: %s", j->name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return FW_EIO;
	}
	while ((entry = readdir(dir))) {
		if (is_draft(entry->d_name))
			unlinkat(j->directory, entry->d_name, 0);
		if (!fw_segment_parse_name(entry->d_name, &number))
			continue;
		all->items = fw_grow(all->items, &all->cap, all->count + 1, sizeof(*all->items));
		all->items[all->count++] = number;
	}
	closedir(dir);
	if (all->count)
		qsort(all->items, all->count, sizeof(*all->items), compare_numbers);
	return FW_OK;
}

/* A segment of another life, or one that overlaps its successor, would turn positions into
 * nonsense. */
static bool
leads_to_head(const struct fw_journal *j, const struct fw_segment *s)
{
	if (!j->head)
		return true;
	return s->place.journal_id == j->head->place.journal_id &&
	       fw_segment_end(s) <= j->head->place.first;
}

/* The newest first: it says which life this is. */
static int
open_all(struct fw_journal *j, const struct numbers *all, char *why, size_t why_size)
{
	for (size_t i = all->count; i-- > 0;) {
		struct fw_segment *s;
		int r = fw_segment_open(&s, j->directory, all->items[i], why, why_size);

		if (r != FW_OK && r != FW_ECORRUPT)
			return r;
		if (r == FW_OK && !leads_to_head(j, s)) {
			snprintf(
			    why, why_size, "%020" PRIu64 ": of another journal", all->items[i]);
			fw_segment_free(s);
			r = FW_ECORRUPT;
		}
		if (r == FW_ECORRUPT) {
			fw_error("journal %s segment=%" PRIu64 " not used: %s", j->name,
			    all->items[i], why);
			j->damaged++;
			continue;
		}
		s->next = j->head;
		j->head = s;
		if (!j->tail)
			j->tail = s;
		j->files_bytes += s->place.bytes;
	}
	return FW_OK;
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
set_coming(struct fw_journal *j, const struct numbers *all)
{
	uint64_t highest = all->count ? all->items[all->count - 1] : 0;
	uint64_t beyond = highest;

	j->coming = (struct fw_segment_place){.number = highest + 1, .bytes = j->segment_bytes};
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
		if (fw_segment_is_blank(s, FW_SEGMENT_HEADER_BYTES) && s->mapped == s->place.bytes)
			continue;
		last_kept = &s->next;
		tail = s;
	}
	blank = *last_kept;
	*last_kept = NULL;
	j->tail = tail;
	for (const struct fw_segment *s = blank; s; s = s->next)
		j->files_bytes -= s->place.bytes;
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

static void
free_all(struct fw_segment *s)
{
	while (s) {
		struct fw_segment *next = s->next;

		fw_segment_free(s);
		s = next;
	}
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
		remove_all(j, blank);
		blank = NULL;
	}
	r = fw_keeper_make_spare(j, why, why_size);
	if (r == FW_OK)
		remove_all(j, blank);
	else
		free_all(blank);
	/* A full disk is no reason not to read what is there: the keeper goes on trying. */
	return r == FW_EFULL ? FW_OK : r;
}

static int
scan(struct fw_journal *j, char *why, size_t why_size)
{
	struct numbers all = {0};
	int r = list_numbers(j, &all, why, why_size);

	if (r == FW_OK)
		r = open_all(j, &all, why, why_size);
	if (r == FW_OK && set_coming(j, &all) != FW_OK) {
		snprintf(
		    why, why_size, "no random number for the journal's id: %s", strerror(errno));
		r = FW_EIO;
	}
	if (r == FW_OK)
		r = begin(j, why, why_size);
	free(all.items);
	return r;
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
	return FW_OK;
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
	free_all(j->head);
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
	j->written = j->synced = j->first_due;
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

	if (options->segment_bytes < 2 * FW_SEGMENT_HEADER_BYTES ||
	    options->segment_bytes > UINT32_MAX ||
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
