/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's background thread: the next segment, the sync of the telemetry lane, the end of
 * released segments. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/time.h"
#include "io/journal_inside.h"

#define RETRY_US FW_S /* for a spare that could not be made */

/* With lock. */
static bool
head_may_go(const struct fw_journal *j, bool room_needed)
{
	const struct fw_segment *s = j->head;

	if (!s || !s->released || s == j->tail)
		return false;
	return room_needed ||
	       (s->released_at_us != FW_NEVER && j->now_us - s->released_at_us >= j->keep_us);
}

/* Without lock.  True when one went. */
static bool
drop_head(struct fw_journal *j, bool room_needed)
{
	struct fw_segment *s = NULL;

	pthread_mutex_lock(&j->lock);
	if (head_may_go(j, room_needed)) {
		s = j->head;
		j->head = s->next;
		j->files_bytes -= s->disk_bytes;
	}
	pthread_mutex_unlock(&j->lock);
	if (s)
		fw_segment_remove(j->directory, s);
	return s != NULL;
}

static bool
has_room(struct fw_journal *j)
{
	bool room;

	pthread_mutex_lock(&j->lock);
	room = j->files_bytes + j->segment_bytes <= j->quota_bytes;
	pthread_mutex_unlock(&j->lock);
	return room;
}

static void
set_spare(struct fw_journal *j, struct fw_segment *s, int error, const char *why)
{
	int before;

	pthread_mutex_lock(&j->lock);
	before = j->spare_error;
	j->spare_error = error;
	j->spare = s;
	if (s) {
		j->files_bytes += s->disk_bytes;
		j->coming.previous = s->place.number;
		j->coming.goes_on = 1;
		j->coming.number++;
		j->coming.first += s->place.bytes;
	}
	pthread_cond_broadcast(&j->spare_news);
	pthread_mutex_unlock(&j->lock);
	if (error && error != before)
		fw_error("journal %s no segment after the current one: %s", j->name, why);
	else if (before && !error)
		fw_notice("journal %s has room again", j->name);
}

/* `coming` changes only here and before the threads start, so that it may be read without lock. */
int
fw_keeper_make_spare(struct fw_journal *j, char *why, size_t why_size)
{
	struct fw_segment *s = NULL;
	int r;

	while (!has_room(j)) {
		if (drop_head(j, true))
			continue;
		snprintf(
		    why, why_size, "the quota of %" PRIu64 " bytes is used up", j->quota_bytes);
		set_spare(j, NULL, FW_EFULL, why);
		return FW_OK;
	}
	do
		r = fw_segment_create(&s, j->directory, &j->coming, why, why_size);
	while (r == FW_EFULL && drop_head(j, true));
	set_spare(j, s, r, why);
	return r;
}

/* Where the bytes from `synced` on lie: false when they are not in a segment. */
static bool
find_unsynced(struct fw_journal *j, uint64_t from, struct fw_segment **out)
{
	struct fw_segment *s;

	pthread_mutex_lock(&j->lock);
	for (s = j->head; s && fw_segment_end(s) <= from; s = s->next)
		;
	pthread_mutex_unlock(&j->lock);
	*out = s;
	return s != NULL;
}

/* Never again once it has failed: the pages count as clean then, and would seem to be on disk. */
void
fw_keeper_sync(struct fw_journal *j)
{
	uint64_t to = j->written, from = j->synced;
	struct fw_segment *s;

	if (j->failed)
		return;
	while (from < to && find_unsynced(j, from, &s)) {
		uint64_t first = s->place.first, end = fw_segment_end(s);

		if (from < first)
			from = first;
		if (to < end)
			end = to;
		if (from < end &&
		    fw_segment_sync(s, (size_t)(from - first), (size_t)(end - first)) != FW_OK) {
			fw_error("journal %s position=%" PRIu64 " sync failed: %s", j->name, from,
			    strerror(errno));
			j->sync_errors++;
			j->failed = true;
			return;
		}
		from = end;
		j->synced = end;
	}
}

static int64_t
monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * FW_S + ts.tv_nsec / 1000;
}

/* With lock. */
static void
wait_until(struct fw_journal *j, int64_t at_us)
{
	struct timespec ts = {.tv_sec = at_us / FW_S, .tv_nsec = at_us % FW_S * 1000};

	pthread_cond_timedwait(&j->wake, &j->lock, &ts);
}

/* With lock; comes back with it. */
static void
tend_segments(struct fw_journal *j)
{
	char why[FW_JOURNAL_WHY_BYTES];
	bool spare_wanted = !j->spare;

	j->kicked = false;
	pthread_mutex_unlock(&j->lock);
	while (drop_head(j, false))
		;
	if (spare_wanted && fw_keeper_make_spare(j, why, sizeof(why)) != FW_OK) {
		/* told by spare_error */
	}
	pthread_mutex_lock(&j->lock);
}

/* With lock.  The flag is lowered before `written` is read: what comes later raises it again. */
static void
sync_when_due(struct fw_journal *j, int64_t *due_us)
{
	int64_t now_us = monotonic_us();

	if (*due_us == 0)
		*due_us = now_us + j->sync_interval_us;
	if (now_us < *due_us) {
		wait_until(j, *due_us);
		return;
	}
	*due_us = 0;
	j->sync_wanted = false;
	pthread_mutex_unlock(&j->lock);
	fw_keeper_sync(j);
	pthread_mutex_lock(&j->lock);
}

void *
fw_keeper_run(void *journal)
{
	struct fw_journal *j = journal;
	int64_t sync_due_us = 0, retry_us = 0;

	pthread_mutex_lock(&j->lock);
	while (!j->stopping) {
		bool retry = j->spare_error && monotonic_us() >= retry_us;

		if (j->kicked || retry) {
			retry_us = monotonic_us() + RETRY_US;
			tend_segments(j);
		} else if (j->sync_wanted)
			sync_when_due(j, &sync_due_us);
		else if (j->spare_error)
			wait_until(j, retry_us);
		else
			pthread_cond_wait(&j->wake, &j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}
