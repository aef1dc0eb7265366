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
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "io/crc32c.h"

#define MAGIC UINT64_C(0x4c4e524a57524946) /* "FIRWJRNL" */
#define VERSION 1
#define NAME_BYTES 32
#define NAME_DIGITS 20
#define NAME_END ".journal"
#define NUMBER_MOST INT32_MAX /* so that no position overflows */

struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t crc; /* of the whole header with 0 here */
	struct fw_segment_place place;
	uint64_t reserved;
};

struct record_header {
	uint32_t length;
	uint32_t crc;
	int64_t received_at_us;
	uint64_t original_len;
	uint32_t topic_len;
	uint32_t reserved;
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
	return error == ENOSPC || error == EDQUOT ? FW_EFULL : FW_EIO;
}

/* posix_fallocate: a full disk is an error here, and never a SIGBUS in the map. */
static int
fill(int fd, const struct fw_segment_place *place, uint8_t **map)
{
	struct header h = {.magic = MAGIC, .version = VERSION, .place = *place};

	errno = posix_fallocate(fd, 0, (off_t)place->bytes);
	if (errno)
		return FW_EIO;
	*map = mmap(NULL, place->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		return FW_EIO;
	h.crc = header_crc(h);
	memcpy(*map, &h, sizeof(h));
	if (fsync(fd) == 0)
		return FW_OK;
	munmap(*map, place->bytes);
	return FW_EIO;
}

static struct fw_segment *
segment_new(const struct fw_segment_place *place, uint8_t *map, size_t mapped)
{
	struct fw_segment *s = fw_calloc(1, sizeof(*s));

	s->place = *place;
	s->map = map;
	s->mapped = mapped;
	s->released_at_us = FW_NEVER;
	return s;
}

int
fw_segment_create(struct fw_segment **out, int directory, const struct fw_segment_place *place,
    char *why, size_t why_size)
{
	char name[NAME_BYTES], draft[NAME_BYTES];
	uint8_t *map;
	int fd, r;

	name_of(place->number, NAME_END, name);
	name_of(place->number, ".new", draft);
	fd = openat(directory, draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(why, why_size, draft, "cannot be made");
	if (fill(fd, place, &map) != FW_OK) {
		r = complain(why, why_size, draft, "no room for a segment");
		goto out;
	}
	if (renameat(directory, draft, directory, name) != 0 || fsync(directory) != 0) {
		r = complain(why, why_size, name, "cannot be given its name");
		munmap(map, place->bytes);
		goto out;
	}
	*out = segment_new(place, map, place->bytes);
	r = FW_OK;
out:
	close(fd);
	if (r != FW_OK)
		unlinkat(directory, draft, 0);
	return r;
}

static int
check_header(const struct header *h, uint64_t number)
{
	if (h->magic != MAGIC)
		return FW_ECORRUPT;
	if (h->version > VERSION)
		return FW_EVERSION;
	if (h->crc != header_crc(*h) || h->place.number != number)
		return FW_ECORRUPT;
	/* no position may overflow, whatever follows */
	if (h->place.bytes < FW_SEGMENT_HEADER_BYTES || h->place.bytes > INT64_MAX ||
	    h->place.first > INT64_MAX)
		return FW_ECORRUPT;
	return FW_OK;
}

int
fw_segment_open(struct fw_segment **out, int directory, uint64_t number, char *why, size_t why_size)
{
	char name[NAME_BYTES];
	struct header h;
	struct stat st;
	uint8_t *map;
	size_t size;
	int fd, r;

	name_of(number, NAME_END, name);
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = complain(why, why_size, name, "cannot be opened");
		goto out;
	}
	r = FW_ECORRUPT;
	if (S_ISREG(st.st_mode) && pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h))
		r = check_header(&h, number);
	if (r != FW_OK) {
		snprintf(why, why_size, "%s: header: %s", name, fw_strerror(r));
		goto out;
	}
	size = (uint64_t)st.st_size < h.place.bytes ? (size_t)st.st_size : (size_t)h.place.bytes;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		r = complain(why, why_size, name, "cannot be mapped");
	else
		*out = segment_new(&h.place, map, size);
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

static uint32_t
record_crc(const uint8_t *at, uint32_t length)
{
	const size_t skipped = offsetof(struct record_header, received_at_us);

	return fw_crc32c(fw_crc32c(0, &length, sizeof(length)), at + skipped, length - skipped);
}

void
fw_segment_put(struct fw_segment *s, size_t offset, const struct fw_record *record)
{
	uint8_t *at = s->map + offset;
	struct record_header h = {
	    .length = (uint32_t)(sizeof(h) + record->topic_len + record->payload_len),
	    .received_at_us = record->received_at_us,
	    .original_len = record->original_len,
	    .topic_len = (uint32_t)record->topic_len,
	};

	memcpy(at, &h, sizeof(h));
	if (record->topic_len)
		memcpy(at + sizeof(h), record->topic, record->topic_len);
	if (record->payload_len)
		memcpy(at + sizeof(h) + record->topic_len, record->payload, record->payload_len);
	h.crc = record_crc(at, h.length);
	memcpy(at + offsetof(struct record_header, crc), &h.crc, sizeof(h.crc));
}

int
fw_segment_get(const struct fw_segment *s, size_t offset, size_t limit, struct fw_record *out)
{
	const uint8_t *at = s->map + offset;
	struct record_header h;

	if (limit < offset || limit - offset < sizeof(h))
		return FW_ENOTFOUND;
	memcpy(&h, at, sizeof(h));
	if (h.length == 0)
		return FW_ENOTFOUND;
	if (h.length < sizeof(h) || h.length > limit - offset || h.topic_len > h.length - sizeof(h))
		return FW_ECORRUPT;
	if (h.crc != record_crc(at, h.length))
		return FW_ECORRUPT;
	*out = (struct fw_record){
	    .position = s->place.first + offset,
	    .next = s->place.first + offset + padded(h.length),
	    .received_at_us = h.received_at_us,
	    .topic = (const char *)at + sizeof(h),
	    .topic_len = h.topic_len,
	    .payload = at + sizeof(h) + h.topic_len,
	    .payload_len = h.length - sizeof(h) - h.topic_len,
	    .original_len = h.original_len,
	};
	return FW_OK;
}

bool
fw_segment_is_blank(const struct fw_segment *s, size_t offset)
{
	if (offset >= s->mapped)
		return true;
	return s->map[offset] == 0 &&
	       memcmp(s->map + offset, s->map + offset + 1, s->mapped - offset - 1) == 0;
}

int
fw_segment_sync(const struct fw_segment *s, size_t from, size_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	from -= from % page;
	return msync(s->map + from, to - from, MS_SYNC) == 0 ? FW_OK : FW_EIO;
}
