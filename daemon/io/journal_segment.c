/* SPDX-License-Identifier: Apache-2.0 */
/* Segment files; see journal_segment.h.  Nothing here is shared between threads: the journal sees
 * to that. */
#include "io/journal_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "io/crc32c.h"

#define MAGIC UINT64_C(0x4c4e524a57524946) /* "FIRWJRNL" */
#define VERSION 2
#define NAME_BYTES 32
#define NAME_DIGITS 20
#define NAME_END ".journal"
#define NUMBER_MOST INT32_MAX     /* so that no position overflows */
#define END_MARK UINT64_MAX       /* as original_len */
#define AHEAD ((size_t)256 << 10) /* is made sure of at once */

struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t crc; /* of the whole header with 0 here */
	struct fw_segment_place place;
	uint64_t salt;
};

struct record_header {
	uint32_t length;
	uint32_t body_crc;
	int64_t received_at_us;
	uint64_t original_len;
	uint32_t topic_len;
	uint32_t head_crc;
};

_Static_assert(sizeof(struct header) == FW_SEGMENT_HEADER_BYTES, "layout of the file");
_Static_assert(sizeof(struct record_header) == 32, "layout of the file");

static void
name_of(uint64_t number, const char *end, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%0*" PRIu64 "%s", NAME_DIGITS, number, end);
}

bool
fw_segment_parse_name(const char *name, uint64_t *number)
{
	char again[NAME_BYTES];

	if (strspn(name, "0123456789") != NAME_DIGITS)
		return false;
	*number = strtoull(name, NULL, 10);
	name_of(*number, NAME_END, again);
	return strcmp(name, again) == 0 && *number >= 1 && *number <= NUMBER_MOST;
}

static uint32_t
header_crc(struct header h)
{
	h.crc = 0;
	return fw_crc32c(0, &h, sizeof(h));
}

static int
complain(char *why, size_t why_size, const char *name, const char *what)
{
	int error = errno;

	snprintf(why, why_size, "%s: %s: %s", name, what, strerror(error));
	if (error == EACCES || error == EPERM)
		return FW_EREFUSED;
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? FW_EFULL : FW_EIO;
}

/* posix_fallocate: a full disk is an error here, and never a SIGBUS in the map.  The blocks are not
 * written: pages that were would lie in the cache in large folios, and each sync would write a
 * whole one. */
static int
fill(int fd, const struct header *h, uint8_t **map)
{
	size_t bytes = h->place.bytes;

	errno = posix_fallocate(fd, 0, (off_t)bytes);
	if (errno)
		return FW_EIO;
	*map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		return FW_EIO;
	memcpy(*map, h, sizeof(*h));
	memcpy(*map + bytes - sizeof(*h), h, sizeof(*h));
	if (fsync(fd) == 0)
		return FW_OK;
	munmap(*map, bytes);
	return FW_EIO;
}

static struct fw_segment *
segment_new(const struct header *h, uint8_t *map, size_t mapped)
{
	struct fw_segment *s = fw_calloc(1, sizeof(*s));

	s->place = h->place;
	s->salt = h->salt;
	s->map = map;
	s->mapped = s->disk_bytes = mapped;
	s->released_at_us = FW_NEVER;
	return s;
}

static int
make_header(const struct fw_segment_place *place, struct header *h)
{
	*h = (struct header){.magic = MAGIC, .version = VERSION, .place = *place};
	if (getrandom(&h->salt, sizeof(h->salt), 0) != (ssize_t)sizeof(h->salt))
		return FW_EIO;
	h->crc = header_crc(*h);
	return FW_OK;
}

int
fw_segment_create(struct fw_segment **out, int directory, const struct fw_segment_place *place,
    char *why, size_t why_size)
{
	char name[NAME_BYTES], draft[NAME_BYTES];
	struct header h;
	uint8_t *map;
	int fd, r;

	name_of(place->number, NAME_END, name);
	name_of(place->number, ".new", draft);
	fd = openat(directory, draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(why, why_size, draft, "cannot be made");
	if (make_header(place, &h) != FW_OK || fill(fd, &h, &map) != FW_OK) {
		r = complain(why, why_size, draft, "no room for a segment");
		goto out;
	}
	if (renameat(directory, draft, directory, name) != 0 || fsync(directory) != 0) {
		r = complain(why, why_size, name, "cannot be given its name");
		munmap(map, place->bytes);
		goto out;
	}
	*out = segment_new(&h, map, place->bytes);
	(*out)->readable = place->bytes;
	r = FW_OK;
out:
	close(fd);
	if (r != FW_OK)
		unlinkat(directory, draft, 0);
	return r;
}

/* Magic, version and checksum stay where they are in every version. */
static int
check_header(const struct header *h, uint64_t number)
{
	if (h->magic != MAGIC || h->crc != header_crc(*h))
		return FW_ECORRUPT;
	if (h->version != VERSION)
		return FW_EVERSION;
	/* no position may overflow, whatever follows */
	if (h->place.number != number || h->place.bytes < FW_SEGMENT_FRAME_BYTES ||
	    h->place.bytes % 8 != 0 || h->place.first > INT64_MAX)
		return FW_ECORRUPT;
	return FW_OK;
}

/* The one at the start, or else the one at the end. */
static int
read_header(int fd, const struct stat *st, uint64_t number, struct header *h)
{
	const off_t at[] = {0, st->st_size - (off_t)sizeof(*h)};
	int r = FW_ECORRUPT;

	for (size_t i = 0; i < 2 && r == FW_ECORRUPT && S_ISREG(st->st_mode) && at[i] >= 0; i++)
		if (pread(fd, h, sizeof(*h), at[i]) == (ssize_t)sizeof(*h))
			r = check_header(h, number);
	return r;
}

static int
map_file(int fd, const struct header *h, const struct stat *st, struct fw_segment **out)
{
	size_t bytes = (size_t)h->place.bytes, size = (size_t)st->st_size;
	size_t blocks = (size_t)st->st_blocks * 512;
	uint8_t *map;

	if (size > bytes)
		size = bytes;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return FW_EIO;
	*out = segment_new(h, map, size);
	if (blocks < size)
		(*out)->disk_bytes = blocks;
	return FW_OK;
}

int
fw_segment_open(struct fw_segment **out, int directory, uint64_t number, char *why, size_t why_size)
{
	char name[NAME_BYTES];
	struct header h;
	struct stat st;
	int fd, r;

	name_of(number, NAME_END, name);
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = errno == ENOENT ? FW_ENOTFOUND : FW_EIO;
		complain(why, why_size, name, "cannot be opened");
		goto out;
	}
	r = read_header(fd, &st, number, &h);
	if (r != FW_OK)
		snprintf(why, why_size, "%s: header: %s", name, fw_strerror(r));
	else if ((r = map_file(fd, &h, &st, out)) != FW_OK)
		complain(why, why_size, name, "cannot be mapped");
out:
	if (fd >= 0)
		close(fd);
	return r;
}

void
fw_segment_free(struct fw_segment *s)
{
	if (!s)
		return;
	munmap(s->map, s->mapped);
	free(s);
}

void
fw_segment_remove(int directory, struct fw_segment *s)
{
	char name[NAME_BYTES];

	name_of(s->place.number, NAME_END, name);
	unlinkat(directory, name, 0);
	fw_segment_free(s);
}

uint64_t
fw_segment_end(const struct fw_segment *s)
{
	return s->place.first + s->place.bytes;
}

size_t
fw_segment_limit(const struct fw_segment *s)
{
	size_t limit = (size_t)s->place.bytes - FW_SEGMENT_HEADER_BYTES;

	return s->mapped < limit ? s->mapped / 8 * 8 : limit;
}

static size_t
padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

size_t
fw_segment_record_bytes(size_t topic_len, size_t payload_len)
{
	const size_t most = UINT32_MAX / 4;

	if (topic_len > most || payload_len > most)
		return 0;
	return padded(sizeof(struct record_header) + topic_len + payload_len);
}

/* What every checksum of the record there begins with. */
static uint32_t
seed(const struct fw_segment *s, size_t offset)
{
	const uint64_t place[2] = {s->salt, s->place.first + offset};

	return fw_crc32c(0, place, sizeof(place));
}

static uint32_t
head_crc(uint32_t from, const struct record_header *h)
{
	return fw_crc32c(from, h, offsetof(struct record_header, head_crc));
}

void
fw_segment_put(struct fw_segment *s, size_t offset, const struct fw_record *record)
{
	uint8_t *at = s->map + offset, *body = at + sizeof(struct record_header);
	uint32_t from = seed(s, offset);
	struct record_header h = {
	    .length = (uint32_t)(sizeof(h) + record->topic_len + record->payload_len),
	    .received_at_us = record->received_at_us,
	    .original_len = record->original_len,
	    .topic_len = (uint32_t)record->topic_len,
	};

	if (record->topic_len)
		memcpy(body, record->topic, record->topic_len);
	if (record->payload_len)
		memcpy(body + record->topic_len, record->payload, record->payload_len);
	h.body_crc = fw_crc32c(from, body, h.length - sizeof(h));
	h.head_crc = head_crc(from, &h);
	memcpy(at, &h, sizeof(h));
}

void
fw_segment_put_end(struct fw_segment *s, size_t offset)
{
	const struct fw_record end = {.original_len = END_MARK};

	if (fw_segment_limit(s) - offset >= sizeof(struct record_header))
		fw_segment_put(s, offset, &end);
}

bool
fw_segment_lacks_end(const struct fw_segment *s, size_t offset, const struct fw_segment *following)
{
	size_t limit = fw_segment_limit(s);

	return following->place.goes_on && following->place.previous == s->place.number &&
	       !s->ended && offset < limit && limit - offset >= sizeof(struct record_header);
}

/* ---- reading */

/* Where the disk refuses to read a page, the map gets zeros: touching it would be a SIGBUS. */
static void
make_sure_of_page(struct fw_segment *s, size_t at, size_t page)
{
	if (madvise(s->map + at, page, MADV_POPULATE_READ) == 0 || errno != EFAULT)
		return;
	if (mmap(s->map + at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		abort(); /* only for want of memory */
	s->unreadable_to = at + page;
}

static void
make_readable(struct fw_segment *s, size_t to)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	while (s->readable < to && s->readable < s->mapped) {
		size_t at = s->readable, n = s->mapped - at < AHEAD ? s->mapped - at : AHEAD;

		if (madvise(s->map + at, n, MADV_POPULATE_READ) != 0)
			for (size_t k = 0; k < n; k += page)
				make_sure_of_page(s, at + k, page);
		s->readable += n;
	}
}

static void
make_sure(struct fw_segment *s, size_t to)
{
	if (s->readable < to)
		make_readable(s, to);
}

/* Whether a record begins there, of which at most `limit` is written. */
static bool
get_head(struct fw_segment *s, size_t offset, size_t limit, struct record_header *h)
{
	if (limit < offset || limit - offset < sizeof(*h))
		return false;
	make_sure(s, offset + sizeof(*h));
	memcpy(h, s->map + offset, sizeof(*h));
	if (h->length < sizeof(*h) || h->length > limit - offset ||
	    h->topic_len > h->length - sizeof(*h))
		return false;
	return h->head_crc == head_crc(seed(s, offset), h);
}

/* The offset from which on there are only zeros up to the limit, or of the next record. */
static size_t
find_head(struct fw_segment *s, size_t offset, size_t limit, bool *blank)
{
	struct record_header h;

	*blank = true;
	for (size_t at = offset; at < limit; at += 8) {
		uint64_t word;

		make_sure(s, at + 8);
		memcpy(&word, s->map + at, sizeof(word));
		if (word == 0)
			continue;
		if (at > offset && get_head(s, at, limit, &h))
			return at;
		*blank = false;
	}
	return limit;
}

int
fw_segment_read(
    struct fw_segment *s, size_t offset, size_t limit, struct fw_record *out, size_t *next)
{
	struct record_header h;
	const uint8_t *body = s->map + offset + sizeof(h);
	bool blank;

	*next = limit;
	if (offset >= limit)
		return FW_ENOTFOUND;
	if (!get_head(s, offset, limit, &h)) {
		*next = find_head(s, offset, limit, &blank);
		blank = blank && *next == limit && s->unreadable_to <= offset;
		return blank ? FW_ENOTFOUND : FW_ECORRUPT;
	}
	if (h.original_len == END_MARK) {
		s->ended = true;
		*next = limit;
		return FW_ENOTFOUND;
	}
	*next = offset + padded(h.length) < limit ? offset + padded(h.length) : limit;
	make_sure(s, offset + h.length);
	if (h.body_crc != fw_crc32c(seed(s, offset), body, h.length - sizeof(h)))
		return FW_ECORRUPT;
	*out = (struct fw_record){
	    .position = s->place.first + offset,
	    .next = s->place.first + *next,
	    .received_at_us = h.received_at_us,
	    .topic = (const char *)body,
	    .topic_len = h.topic_len,
	    .payload = body + h.topic_len,
	    .payload_len = h.length - sizeof(h) - h.topic_len,
	    .original_len = h.original_len,
	};
	return FW_OK;
}

/* Content does not change, so that it does not matter when this fails. */
void
fw_segment_give_back(int directory, struct fw_segment *s)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t from = fw_segment_limit(s), to = from / page * page;
	char name[NAME_BYTES];
	struct stat st;
	int fd;

	make_sure(s, from);
	while (from > FW_SEGMENT_HEADER_BYTES && s->map[from - 1] == 0)
		from--;
	s->readable = 0; /* that was a while before it is read */
	from = (from + page - 1) / page * page;
	name_of(s->place.number, NAME_END, name);
	fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (from < to && s->mapped == s->place.bytes &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
		(off_t)(to - from)) == 0 &&
	    fstat(fd, &st) == 0 && (size_t)st.st_blocks * 512 < s->disk_bytes)
		s->disk_bytes = (size_t)st.st_blocks * 512;
	close(fd);
}

bool
fw_segment_is_blank(struct fw_segment *s)
{
	size_t limit = fw_segment_limit(s);
	bool blank;

	if (s->mapped < s->place.bytes)
		return false;
	return find_head(s, FW_SEGMENT_HEADER_BYTES, limit, &blank) == limit && blank &&
	       s->unreadable_to == 0;
}

int
fw_segment_sync(const struct fw_segment *s, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	from -= from % page;
	return msync(s->map + from, to - from, MS_SYNC) == 0 ? FW_OK : FW_EIO;
}

void
fw_segment_leave(const struct fw_segment *s, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	from -= from % page;
	to -= to % page;
	if (to > from && madvise(s->map + from, to - from, MADV_DONTNEED) != 0)
		return; /* they are given back with the segment */
}
