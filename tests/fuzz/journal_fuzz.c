/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal's folder after anything happened to its files.  The input is a program of such
 * accidents, six bytes each.  Every record that is read is one that was written, none comes twice,
 * and when one is missing damage has been counted or the checkpoint tells.
 */
#include "fuzz.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "io/journal.h"

#define SEGMENT 1024
#define SEGMENTS 6 /* files that are kept */
#define RECORDS_MOST 200
#define TOPIC "fire/v1/330106/gateway/alarm"

const unsigned long long fuzz_runs = 5000;

enum accident { FLIP, ZERO, CUT, MOVE, REMOVE, RENAME, ACCIDENTS };

static char folder[64];
static uint8_t pristine[SEGMENTS][SEGMENT];
static uint64_t positions[RECORDS_MOST], end;
static int records;

static size_t
payload_of(int number, uint8_t out[64])
{
	size_t n = (size_t)(number * 7 % 64);

	memset(out, number % 3 ? number : 0, n);
	return n;
}

static void
path_of(unsigned number, char out[128])
{
	snprintf(out, 128, "%s/%020u.journal", folder, number + 1);
}

static void
empty_folder(void)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	assert(dir);
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static struct fw_journal *
open_it(void)
{
	const struct fw_journal_options options = {.directory = folder,
	    .segment_bytes = SEGMENT,
	    .quota_bytes = 64 * SEGMENT,
	    .keep_us = FW_MIN,
	    .sync_interval_us = FW_S};
	struct fw_journal *j;
	char why[256];
	int r = fw_journal_open(&j, &options, why, sizeof(why));

	if (r != FW_OK)
		fprintf(stderr, "%s\n", why);
	assert(r == FW_OK);
	return j;
}

static void
leave(void)
{
	empty_folder();
	rmdir(folder);
}

static void
write_pristine(void)
{
	struct fw_journal *j;
	struct fw_journal_state s;
	char path[128];
	uint8_t payload[64];

	snprintf(folder, sizeof(folder), "%s/fw-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fw_log_init((enum fw_log_level)0, 0);
	if (!mkdtemp(folder))
		abort();
	atexit(leave);
	j = open_it();
	for (;; records++) {
		size_t n = payload_of(records, payload);
		int r;

		fw_journal_state(j, &s);
		if (s.written > (SEGMENTS - 1) * SEGMENT + SEGMENT / 2)
			break;
		r = fw_journal_append(j, records, TOPIC, strlen(TOPIC), payload, n, n);
		assert(r == FW_OK);
	}
	end = s.written;
	for (int k = 0; k < records; k++) {
		struct fw_record record;
		int r = fw_journal_read(j, &record);

		assert(r == FW_OK);
		positions[k] = record.position;
	}
	fw_journal_close(j);
	for (unsigned k = 0; k < SEGMENTS; k++) {
		int fd;
		ssize_t n;

		path_of(k, path);
		fd = open(path, O_RDONLY);
		n = read(fd, pristine[k], SEGMENT);
		assert(n == SEGMENT);
		close(fd);
	}
}

static void
put_back(void)
{
	char path[128];

	empty_folder();
	for (unsigned k = 0; k < SEGMENTS; k++) {
		int fd;
		ssize_t n;

		path_of(k, path);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		n = write(fd, pristine[k], SEGMENT);
		assert(n == SEGMENT);
		close(fd);
	}
}

/* Bytes of the file from `at` on become those of another place of any segment. */
static void
change(const char *path, enum accident what, long at, const uint8_t *op)
{
	uint8_t bytes[256] = {0};
	size_t n = 1 + op[4] % (sizeof(bytes) - 1);
	int fd = open(path, O_RDWR);

	if (fd < 0)
		return;
	if (what == FLIP) {
		n = 1;
		if (pread(fd, bytes, 1, at) == 1)
			bytes[0] ^= (uint8_t)(1 << op[4] % 8);
	} else if (what == MOVE)
		memcpy(bytes, pristine[op[4] % SEGMENTS] + op[5] * 3, sizeof(bytes));
	if (at + (long)n <= SEGMENT && pwrite(fd, bytes, n, at) != (ssize_t)n)
		abort();
	close(fd);
}

static void
happen(const uint8_t op[6])
{
	enum accident what = op[0] % ACCIDENTS;
	long at = (op[2] | op[3] << 8) % SEGMENT;
	char path[128], other[128];

	path_of(op[1] % SEGMENTS, path);
	path_of(op[4] % (SEGMENTS + 2), other);
	if (what == CUT && truncate(path, at) != 0)
		return; /* was removed before */
	if (what == REMOVE)
		unlink(path);
	else if (what == RENAME && rename(path, other) != 0)
		return;
	else if (what == FLIP || what == ZERO || what == MOVE)
		change(path, what, at, op);
}

static void
check_record(const struct fw_record *r)
{
	uint8_t payload[64];
	int number = (int)r->received_at_us;
	size_t n;

	assert(number >= 0 && number < records);
	n = payload_of(number, payload);
	assert(r->position == positions[number] && r->payload_len == n && r->original_len == n);
	assert(memcmp(r->payload, payload, n) == 0 && r->topic_len == strlen(TOPIC));
	assert(memcmp(r->topic, TOPIC, r->topic_len) == 0);
}

/* From the first position held; how many. */
static int
read_everything(struct fw_journal *j)
{
	struct fw_record r;
	uint64_t last = 0;
	int count = 0;

	while (fw_journal_read(j, &r) == FW_OK) {
		check_record(&r);
		assert(r.position > last && r.next > r.position);
		last = r.position;
		count++;
	}
	return count;
}

/* Whether what begins or ends the journal is gone, of which only a checkpoint can tell. */
static bool
ends_are_missing(struct fw_journal *j)
{
	uint64_t nearest;

	return fw_journal_seek(j, end, &nearest) != FW_OK || fw_journal_first(j) > positions[0];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fw_journal_state s;
	struct fw_journal *j;
	uint64_t nearest;
	int count;

	if (records == 0)
		write_pristine();
	put_back();
	for (size_t at = 0; at + 6 <= size && at < 24; at += 6)
		happen(data + at);
	j = open_it();
	count = read_everything(j);
	fw_journal_state(j, &s);
	assert(count == records || s.damaged > 0 || ends_are_missing(j));
	for (int k = 0; k < 8; k++)
		if (fw_journal_seek(j, positions[0] + (uint64_t)(k * 797), &nearest) == FW_OK) {
			count = read_everything(j);
			assert(count <= records);
		}
	fw_journal_close(j);
	return 0;
}

size_t
fuzz_seed_input(size_t n, uint8_t *out)
{
	static const uint8_t inputs[ACCIDENTS][6] = {{FLIP, 1, 100, 1, 3, 0},
	    {ZERO, 2, 64, 0, 32, 0}, {CUT, 3, 0, 2, 0, 0}, {MOVE, 1, 64, 0, 2, 21},
	    {REMOVE, 2, 0, 0, 0, 0}, {RENAME, 4, 0, 0, 6, 0}};

	if (n >= ACCIDENTS)
		return 0;
	memcpy(out, inputs[n], sizeof(inputs[n]));
	return sizeof(inputs[n]);
}
