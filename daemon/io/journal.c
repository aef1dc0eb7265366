/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of one lane: append, read, seek, release; see journal.h, and journal_inside.h for who
 * owns what. */
#include "io/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "io/journal_inside.h"

#define LEAVE_BEHIND_BYTES ((size_t)4 << 20)

/* const: a state is asked for through a const journal. */
static void
lock(const struct fw_journal *j)
{
	pthread_mutex_lock((pthread_mutex_t *)&j->lock);
}

static void
unlock(const struct fw_journal *j)
{
	pthread_mutex_unlock((pthread_mutex_t *)&j->lock);
}

/* ---- the appender */

/* The spare becomes the active segment; waits for it only when the keeper is making it. */
static int
begin_segment(struct fw_journal *j)
{
	struct fw_segment *s;
	int r;

	lock(j);
	while (!j->spare && !j->spare_error)
		pthread_cond_wait(&j->spare_news, &j->lock);
	s = j->spare;
	r = s ? FW_OK : j->spare_error;
	if (s) {
		j->spare = NULL;
		if (j->tail)
			j->tail->next = s;
		else
			j->head = s;
		j->tail = s;
		j->kicked = true;
		pthread_cond_signal(&j->wake);
	}
	unlock(j);
	if (s)
		j->active = s;
	return r;
}

static int
sync_failed(struct fw_journal *j)
{
	fw_error("journal %s sync failed, nothing more is accepted: %s", j->name, strerror(errno));
	j->sync_errors++;
	j->failed = true;
	return FW_EIO;
}

/* The mark must be on disk before what is in the next segment; the keeper's syncs cover it anyway.
 */
static int
end_segment(struct fw_journal *j, struct fw_segment *s, size_t offset)
{
	fw_segment_put_end(s, offset);
	if (j->sync_interval_us > 0 || fw_segment_sync(s, offset, (size_t)s->place.bytes) == FW_OK)
		return FW_OK;
	return sync_failed(j);
}

/* The offset at which `bytes` go. */
static int
make_room(struct fw_journal *j, size_t bytes, size_t *offset)
{
	struct fw_segment *left;
	int r;

	*offset = FW_SEGMENT_HEADER_BYTES;
	if (j->active) {
		*offset = (size_t)(j->written - j->active->place.first);
		if (bytes <= fw_segment_limit(j->active) - *offset)
			return FW_OK;
	}
	left = j->active;
	r = begin_segment(j);
	if (r == FW_OK && left)
		r = end_segment(j, left, *offset);
	*offset = FW_SEGMENT_HEADER_BYTES;
	return r;
}

static void
wake_others(struct fw_journal *j)
{
	if (j->reader_asleep && atomic_exchange(&j->reader_asleep, false))
		eventfd_write(j->event_fd, 1);
	if (j->sync_interval_us > 0 && !j->sync_wanted && !atomic_exchange(&j->sync_wanted, true)) {
		lock(j);
		pthread_cond_signal(&j->wake);
		unlock(j);
	}
}

/* The reader has it before it is on disk: deciding and syncing go side by side. */
static int
publish(struct fw_journal *j, size_t offset, size_t bytes)
{
	const struct fw_segment *s = j->active;

	j->written = s->place.first + offset + bytes;
	j->records++;
	wake_others(j);
	if (j->sync_interval_us > 0)
		return FW_OK;
	if (fw_segment_sync(s, offset, offset + bytes) != FW_OK)
		return sync_failed(j);
	j->synced = s->place.first + offset + bytes;
	return FW_OK;
}

int
fw_journal_append(struct fw_journal *j, int64_t received_at_us, const char *topic, size_t topic_len,
    const void *payload, size_t payload_len, uint64_t original_len)
{
	size_t bytes = fw_segment_record_bytes(topic_len, payload_len), offset;
	struct fw_record record = {
	    .received_at_us = received_at_us,
	    .topic = topic,
	    .topic_len = topic_len,
	    .payload = payload,
	    .payload_len = payload_len,
	    .original_len = original_len,
	};
	int r = FW_OK;

	if (j->failed)
		r = FW_EIO;
	else if (bytes == 0 || bytes > j->segment_bytes - FW_SEGMENT_FRAME_BYTES)
		r = FW_ETOOBIG;
	else
		r = make_room(j, bytes, &offset);
	if (r == FW_OK) {
		fw_segment_put(j->active, offset, &record);
		r = publish(j, offset, bytes);
	}
	if (r != FW_OK)
		j->refused++;
	return r;
}

/* ---- the reader */

int
fw_journal_fd(const struct fw_journal *j)
{
	return j->event_fd;
}

void
fw_journal_clear_fd(struct fw_journal *j)
{
	eventfd_t ignored;

	if (eventfd_read(j->event_fd, &ignored) != 0)
		return; /* was clear */
}

static void
tell_damage(struct fw_journal *j, const char *what, uint64_t from, uint64_t to)
{
	j->damaged++;
	j->damaged_bytes += to - from;
	fw_error("journal %s %s: lost is what was from position=%" PRIu64
		 " up to position=%" PRIu64,
	    j->name, what, from, to);
}

static bool
is_cut(const struct fw_segment *s)
{
	return s->mapped < s->place.bytes;
}

/* Nothing more can be read of a segment that the appender has left. */
static void
finish_segment(struct fw_journal *j, struct fw_segment *s)
{
	if (!s->finished && is_cut(s))
		tell_damage(j, "segment cut off", j->read_at, fw_segment_end(s));
	s->finished = true;
}

/* False when there is none yet. */
static bool
next_segment(struct fw_journal *j)
{
	struct fw_segment *s = j->reading, *next;

	lock(j);
	next = s ? s->next : j->head;
	unlock(j);
	if (!next)
		return false;
	if (s && !is_cut(s) && fw_segment_lacks_end(s, (size_t)(j->read_at - s->place.first), next))
		tell_damage(j, "end of segment lost", j->read_at, fw_segment_end(s));
	if (s && next->place.previous != s->place.number)
		tell_damage(j, "segments missing", fw_segment_end(s), next->place.first);
	j->reading = next;
	j->read_at = next->place.first + FW_SEGMENT_HEADER_BYTES;
	return true;
}

/* The offset up to which a segment is written. */
static size_t
written_of(const struct fw_segment *s, uint64_t written)
{
	bool active = written >= s->place.first && written <= fw_segment_end(s);

	return active ? (size_t)(written - s->place.first) : fw_segment_limit(s);
}

/* What does not hold lies between read_at and the offset. */
static void
pass_over(struct fw_journal *j, struct fw_segment *s, size_t offset)
{
	if (is_cut(s) && offset == fw_segment_limit(s)) {
		finish_segment(j, s);
		j->read_at = s->place.first + offset;
		return;
	}
	tell_damage(j, "damaged", j->read_at, s->place.first + offset);
	j->read_at = s->place.first + offset;
}

/* What has been read need not count as the daemon's memory: it stays in the page cache. */
static void
leave_behind(struct fw_journal *j, const struct fw_segment *s, size_t offset)
{
	if (j->left_segment != s->place.number) {
		j->left_segment = s->place.number;
		j->left_offset = 0;
	}
	if (offset - j->left_offset < LEAVE_BEHIND_BYTES)
		return;
	fw_segment_leave(s, j->left_offset, offset);
	j->left_offset = offset;
}

/* Of what lies before `written`. */
static int
read_before(struct fw_journal *j, uint64_t written, struct fw_record *out)
{
	while (j->reading || next_segment(j)) {
		struct fw_segment *s = j->reading;
		size_t offset = (size_t)(j->read_at - s->place.first), next;
		bool active = written <= fw_segment_end(s);
		int r;

		if (active && j->read_at >= written)
			return FW_EAGAIN;
		r = fw_segment_read(s, offset, written_of(s, written), out, &next);
		if (r == FW_OK) {
			leave_behind(j, s, offset);
			j->read_at = out->next;
			j->read_records++;
			if (out->position < j->opened_at)
				j->found_records++;
			return FW_OK;
		}
		if (r == FW_ECORRUPT || active) {
			pass_over(j, s, next);
			continue;
		}
		finish_segment(j, s);
		if (!next_segment(j))
			return FW_EAGAIN;
	}
	return FW_EAGAIN;
}

/* Of `appended` records all that can be has been read.  A record is counted once it can be read,
 * so that there may be more of them. */
static void
note_lost(struct fw_journal *j, uint64_t appended)
{
	uint64_t own = j->read_records - j->found_records + j->lost_records;

	if (appended > own)
		j->lost_records += appended - own;
}

int
fw_journal_poll(struct fw_journal *j, struct fw_record *out)
{
	return read_before(j, j->written, out);
}

int
fw_journal_read(struct fw_journal *j, struct fw_record *out)
{
	for (;;) {
		uint64_t appended = j->records, written = j->written;
		int r = read_before(j, written, out);

		if (r != FW_EAGAIN)
			return r;
		note_lost(j, appended);
		j->reader_asleep = true;
		if (j->written == written)
			return FW_EAGAIN;
		j->reader_asleep = false;
	}
}

/* The next position that is held after a segment's readable part. */
static uint64_t
after(const struct fw_journal *j, const struct fw_segment *s)
{
	return s->next ? s->next->place.first + FW_SEGMENT_HEADER_BYTES : j->written;
}

/* The position itself when a record begins, damage begins, or the readable part ends there; else
 * the next one held. */
static uint64_t
nearest_in(const struct fw_journal *j, struct fw_segment *s, uint64_t position)
{
	size_t at = FW_SEGMENT_HEADER_BYTES, limit = written_of(s, j->written), next;
	struct fw_record record;

	if (position >= s->place.first && position < s->place.first + at)
		return position;
	while (s->place.first + at < position) {
		if (fw_segment_read(s, at, limit, &record, &next) == FW_ENOTFOUND)
			return after(j, s);
		at = next;
	}
	return s->place.first + at;
}

static void
start_reading(struct fw_journal *j, struct fw_segment *s, uint64_t position)
{
	uint64_t first = s ? s->place.first + FW_SEGMENT_HEADER_BYTES : j->first_due;

	for (struct fw_segment *before = j->head; before && before != s; before = before->next)
		before->released = true;
	j->reading = s;
	j->read_at = position < first ? first : position;
	j->released = position;
	j->kicked = true;
	pthread_cond_signal(&j->wake);
}

int
fw_journal_seek(struct fw_journal *j, uint64_t position, uint64_t *nearest)
{
	struct fw_segment *s, *last = NULL;

	lock(j);
	for (s = j->head; s && fw_segment_end(s) <= position; s = s->next)
		last = s;
	if (s)
		*nearest = nearest_in(j, s, position);
	else
		*nearest = position <= j->written ? position : j->written;
	if (*nearest == position)
		start_reading(j, s ? s : last, position);
	unlock(j);
	return *nearest == position ? FW_OK : FW_ENOTFOUND;
}

uint64_t
fw_journal_first(const struct fw_journal *j)
{
	uint64_t first;

	lock(j);
	first = j->head ? j->head->place.first + FW_SEGMENT_HEADER_BYTES : j->first_due;
	unlock(j);
	return first;
}

void
fw_journal_release(struct fw_journal *j, uint64_t position, int64_t now_us)
{
	lock(j);
	j->now_us = now_us;
	for (struct fw_segment *s = j->head; s && s != j->reading && fw_segment_end(s) <= position;
	     s = s->next) {
		s->released = true;
		if (s->released_at_us > now_us)
			s->released_at_us = now_us;
	}
	if (position > j->released)
		j->released = position;
	if (j->head && j->head->released &&
	    (j->spare_error || now_us - j->head->released_at_us >= j->keep_us)) {
		j->kicked = true;
		pthread_cond_signal(&j->wake);
	}
	unlock(j);
}

/* ---- asking */

/* With lock. */
static uint64_t
room_in_segments(const struct fw_journal *j)
{
	uint64_t written = j->written, room = 0;

	if (j->tail && written >= j->tail->place.first && written <= fw_segment_end(j->tail))
		room = fw_segment_end(j->tail) - written;
	return room + (j->spare ? j->spare->place.bytes : 0);
}

void
fw_journal_state(const struct fw_journal *j, struct fw_journal_state *out)
{
	uint64_t own;

	lock(j);
	out->files_bytes = j->files_bytes;
	out->no_room = !j->spare && j->spare_error;
	out->room_bytes = room_in_segments(j);
	unlock(j);
	out->id = j->id;
	out->synced = j->synced;
	out->read_records = j->read_records;
	out->found_records = j->found_records;
	out->lost_records = j->lost_records;
	/* the appender counts a record after it can be read */
	own = out->read_records - out->found_records + out->lost_records;
	out->records = j->records;
	if (out->records < own)
		out->records = own;
	out->written = j->written;
	out->read = j->read_at;
	out->released = j->released;
	out->quota_bytes = j->quota_bytes;
	out->refused = j->refused;
	out->damaged = j->damaged;
	out->damaged_bytes = j->damaged_bytes;
	out->sync_errors = j->sync_errors;
	out->failed = j->failed;
}

unsigned
fw_journal_filled_percent(const struct fw_journal *j)
{
	uint64_t room = j->quota_bytes / j->segment_bytes * j->segment_bytes, held = 0;
	uint64_t written = j->written;

	lock(j);
	for (const struct fw_segment *s = j->head; s; s = s->next) {
		bool active = written >= s->place.first && written <= fw_segment_end(s);

		if (!s->released)
			held += active ? written - s->place.first : s->disk_bytes;
	}
	unlock(j);
	return held >= room ? 100 : (unsigned)(held * 100 / room);
}
