/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on real files in a temporary folder: what comes out is what went in, and what cannot
 * come out is told. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "io/crc32c.h"
#include "io/journal.h"

#define SEGMENT 4096
#define TOPIC "fire/v1/330782001/敬老院-01/alarm"
#define WAIT_MS 10000

struct fixture {
	char folder[32], copy[64];
	struct fw_journal_options options;
	struct fw_journal *j;
};

static char why[256];

/* ---- helpers of this file */

static void
remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
}

/* The names of the segments in the folder, ascending; the path of the one asked for. */
static int
segments(const char *folder, int wanted, char path[512])
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort), count = 0;

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		if (strstr(entries[i]->d_name, ".journal") && count++ == wanted)
			snprintf(path, 512, "%s/%s", folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count;
}

static void
copy_file(const char *from, const char *to)
{
	static char buffer[1 << 16];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		assert_int_equal(fwrite(buffer, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* What a kill at this moment would leave behind. */
static void
copy_folder(const struct fixture *f)
{
	char from[512], to[512];
	int count = segments(f->folder, -1, from);

	assert_int_equal(mkdir(f->copy, 0700), 0);
	for (int i = 0; i < count; i++) {
		segments(f->folder, i, from);
		snprintf(to, sizeof(to), "%s%s", f->copy, strrchr(from, '/'));
		copy_file(from, to);
	}
}

static void
overwrite(const char *path, long at, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void
open_at(struct fixture *f, const char *folder)
{
	f->options.directory = folder;
	assert_int_equal(fw_journal_open(&f->j, &f->options, why, sizeof(why)), FW_OK);
}

static void
close_it(struct fixture *f)
{
	fw_journal_close(f->j);
	f->j = NULL;
}

static int
append_number(struct fw_journal *j, int number)
{
	char payload[32];
	int n = snprintf(payload, sizeof(payload), "火警 %d", number);

	return fw_journal_append(
	    j, 1000 + number, TOPIC, strlen(TOPIC), payload, (size_t)n, (size_t)n);
}

static void
append_numbers(struct fw_journal *j, int from, int to)
{
	for (int i = from; i < to; i++)
		assert_int_equal(append_number(j, i), FW_OK);
}

static int
number_of(const struct fw_record *r)
{
	char payload[32];
	int number;

	assert_true(r->payload_len < sizeof(payload));
	memcpy(payload, r->payload, r->payload_len);
	payload[r->payload_len] = '\0';
	assert_int_equal(sscanf(payload, "火警 %d", &number), 1);
	assert_int_equal(r->received_at_us, 1000 + number);
	assert_int_equal(r->topic_len, strlen(TOPIC));
	assert_memory_equal(r->topic, TOPIC, r->topic_len);
	assert_int_equal(r->original_len, r->payload_len);
	return number;
}

/* Reads up to the end, numbers ascending; the first and how many. */
static int
read_all(struct fw_journal *j, int *first)
{
	struct fw_record r;
	int count = 0, last = -1;

	while (fw_journal_read(j, &r) == FW_OK) {
		int number = number_of(&r);

		assert_true(number > last);
		if (count++ == 0 && first)
			*first = number;
		last = number;
	}
	return count;
}

static uint64_t
read_upto(struct fw_journal *j, int number)
{
	struct fw_record r;

	do
		assert_int_equal(fw_journal_read(j, &r), FW_OK);
	while (number_of(&r) != number);
	return r.next;
}

static struct fw_journal_state
state(const struct fw_journal *j)
{
	struct fw_journal_state s;

	fw_journal_state(j, &s);
	return s;
}

static int
setup(void **context)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/fw-journal-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	snprintf(f->copy, sizeof(f->copy), "%s-copy", f->folder);
	f->options = (struct fw_journal_options){.directory = f->folder,
	    .segment_bytes = SEGMENT,
	    .quota_bytes = 64 * SEGMENT,
	    .keep_us = FW_MIN};
	*context = f;
	return 0;
}

static int
teardown(void **context)
{
	struct fixture *f = *context;

	fw_journal_close(f->j);
	remove_folder(f->folder);
	remove_folder(f->copy);
	free(f);
	return 0;
}

/* ---- tests */

static void
crc_is_castagnoli(void **context)
{
	uint8_t zeros[32] = {0}, bytes[1000];

	(void)context;
	assert_int_equal(fw_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(fw_crc32c_portable(0, "123456789", 9), 0xe3069283);
	assert_int_equal(fw_crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa); /* RFC 3720 B.4 */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + 7);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n < sizeof(bytes) - from; n += 13)
			assert_int_equal(fw_crc32c(fw_crc32c(0, bytes, from), bytes + from, n),
			    fw_crc32c_portable(0, bytes, from + n));
}

static void
comes_out_as_it_went_in(void **context)
{
	struct fixture *f = *context;
	struct fw_record r;
	uint64_t position;

	open_at(f, f->folder);
	assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	position = state(f->j).written;
	assert_int_equal(fw_journal_first(f->j), position);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(append_number(f->j, i), FW_OK);
		assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
		assert_int_equal(number_of(&r), i);
		assert_true(r.position >= position && r.next > r.position);
		position = r.next;
		assert_int_equal(state(f->j).synced, position);
		assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	}
	assert_int_equal(fw_journal_append(f->j, -5, NULL, 0, NULL, 0, 1 << 20), FW_OK);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.received_at_us, -5);
	assert_int_equal(r.topic_len + r.payload_len, 0);
	assert_int_equal(r.original_len, 1 << 20);
	assert_int_equal(state(f->j).records, 501);
	assert_int_equal(state(f->j).damaged, 0);
}

static void
replays_after_reopen(void **context)
{
	struct fixture *f = *context;
	uint64_t id, written, checkpoint, nearest;
	int first;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 300);
	checkpoint = read_upto(f->j, 199);
	id = state(f->j).id;
	written = state(f->j).written;
	close_it(f);

	open_at(f, f->folder);
	assert_true(id != 0 && state(f->j).id == id);
	assert_true(state(f->j).written > written);
	assert_int_equal(fw_journal_seek(f->j, checkpoint, &nearest), FW_OK);
	append_numbers(f->j, 300, 310);
	assert_int_equal(read_all(f->j, &first), 110);
	assert_int_equal(first, 200);
	close_it(f);

	open_at(f, f->folder);
	assert_int_equal(read_all(f->j, &first), 310);
	assert_int_equal(state(f->j).damaged, 0);
}

static void
survives_a_kill(void **context)
{
	struct fixture *f = *context;
	int status, first;
	pid_t child = fork();

	if (child == 0) {
		f->options.sync_interval_us = FW_S;
		if (fw_journal_open(&f->j, &f->options, why, sizeof(why)) == FW_OK)
			for (int i = 0; i < 400 && append_number(f->j, i) == FW_OK; i++)
				;
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	open_at(f, f->folder);
	assert_int_equal(read_all(f->j, &first), 400);
	assert_int_equal(first, 0);
}

static void
torn_tail_is_counted(void **context)
{
	struct fixture *f = *context;
	uint64_t last, first_of_tail;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 100);
	last = read_upto(f->j, 98);
	copy_folder(f);
	/* the spare is the last file, the active one is before it */
	segments(f->copy, segments(f->copy, -1, path) - 2, path);
	first_of_tail = last / SEGMENT * SEGMENT;
	overwrite(path, (long)(last - first_of_tail) + 40, "\0\0\0\0\0\0\0\0", 8);
	close_it(f);

	open_at(f, f->copy);
	assert_int_equal(read_all(f->j, NULL), 99);
	assert_int_equal(state(f->j).damaged, 1);
	assert_int_equal(append_number(f->j, 100), FW_OK);
	assert_int_equal(read_all(f->j, NULL), 1);
	assert_int_equal(state(f->j).damaged, 1);
}

/* Pages reach the disk in any order: zeros, and records after them. */
static void
lost_page_is_counted(void **context)
{
	static const char zeros[64];
	struct fixture *f = *context;
	char path[512];
	int first;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 20);
	copy_folder(f);
	segments(f->copy, 0, path);
	overwrite(path, 64, zeros, 32);
	close_it(f);
	open_at(f, f->copy);
	assert_int_equal(read_all(f->j, &first), 19);
	assert_int_equal(first, 1);
	assert_int_equal(state(f->j).damaged, 1);
}

/* The last records of a segment that was filled. */
static void
lost_end_is_counted(void **context)
{
	static const char zeros[300];
	struct fixture *f = *context;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 200);
	close_it(f);
	segments(f->folder, 1, path);
	overwrite(path, SEGMENT - 64 - 300, zeros, 300);
	open_at(f, f->folder);
	assert_in_range(read_all(f->j, NULL), 195, 199);
	assert_in_range(state(f->j).damaged, 1, 2); /* a record may be cut in two */
	assert_in_range(state(f->j).damaged_bytes, 300, 500);
}

static void
every_flipped_bit_is_seen(void **context)
{
	struct fixture *f = *context;
	const uint64_t padding = (8 - (32 + strlen(TOPIC) + strlen("火警 3")) % 8) % 8;
	uint64_t third, fourth;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 100);
	third = read_upto(f->j, 2) % SEGMENT;
	fourth = read_upto(f->j, 3) % SEGMENT;
	copy_folder(f);
	close_it(f);
	segments(f->copy, 0, path);
	for (uint64_t at = third; at < fourth - padding; at++) {
		char byte, flipped;
		int fd = open(path, O_RDONLY), first, count;

		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		close(fd);
		flipped = (char)(byte ^ 1 << at % 8);
		overwrite(path, (long)at, &flipped, 1);
		open_at(f, f->copy);
		count = read_all(f->j, &first);
		assert_int_equal(first, 0);
		assert_int_equal(count, 99);
		assert_int_equal(state(f->j).damaged, 1);
		assert_int_equal(state(f->j).damaged_bytes, fourth - third);
		close_it(f);
		overwrite(path, (long)at, &byte, 1);
	}
	open_at(f, f->copy);
	assert_int_equal(read_all(f->j, NULL), 100);
}

static void
records_are_counted_as_found_read_and_lost(void **context)
{
	struct fixture *f = *context;
	char path[512];
	uint64_t fourth;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 10);
	fourth = read_upto(f->j, 2) % SEGMENT;
	segments(f->folder, 0, path);
	overwrite(path, (long)fourth, "x", 1);
	assert_int_equal(read_all(f->j, NULL), 6);
	assert_int_equal(state(f->j).lost_records, 1);
	append_numbers(f->j, 10, 15);
	assert_int_equal(state(f->j).lost_records, 1);
	assert_int_equal(read_all(f->j, NULL), 5);
	assert_int_equal(state(f->j).records, 15);
	assert_int_equal(state(f->j).read_records, 14);
	assert_int_equal(state(f->j).found_records, 0);
	assert_int_equal(state(f->j).lost_records, 1);
	close_it(f);

	open_at(f, f->folder);
	append_numbers(f->j, 15, 20);
	assert_int_equal(read_all(f->j, NULL), 19);
	assert_int_equal(state(f->j).records, 5);
	assert_int_equal(state(f->j).read_records, 19);
	assert_int_equal(state(f->j).found_records, 14);
	assert_int_equal(state(f->j).lost_records, 0);
}

static void
cut_file_is_counted(void **context)
{
	struct fixture *f = *context;
	char path[512];
	int first;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 100);
	close_it(f);
	segments(f->folder, 0, path);
	assert_int_equal(truncate(path, 1000), 0);
	open_at(f, f->folder);
	assert_in_range(read_all(f->j, &first), 20, 90);
	assert_int_equal(first, 0);
	assert_int_equal(state(f->j).damaged, 1);
	close_it(f);
	assert_int_equal(truncate(path, 30), 0);
	open_at(f, f->folder);
	assert_true(read_all(f->j, &first) > 0);
	assert_true(first > 0);
	assert_int_equal(state(f->j).damaged, 1);
}

static void
missing_segment_is_a_gap(void **context)
{
	struct fixture *f = *context;
	uint64_t inside, nearest;
	char path[512];
	int count;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 200);
	close_it(f);
	open_at(f, f->folder);
	count = read_all(f->j, NULL);
	assert_int_equal(count, 200);
	close_it(f);
	segments(f->folder, 1, path);
	assert_int_equal(unlink(path), 0);
	open_at(f, f->folder);
	inside = SEGMENT + 100;
	assert_int_equal(fw_journal_seek(f->j, inside, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, 2 * SEGMENT + 64);
	assert_in_range(read_all(f->j, NULL), 100, 199);
	assert_int_equal(state(f->j).damaged, 1);
	assert_int_equal(state(f->j).damaged_bytes, SEGMENT);
	assert_int_equal(append_number(f->j, 200), FW_OK);
	assert_int_equal(read_all(f->j, NULL), 1);
}

static void
foreign_files_are_left_alone(void **context)
{
	static const char *const names[] = {"README", "1.journal", "00000000000000000000.journal",
	    "99999999999999999999.journal", "00000000000000000007.journal",
	    "00000000000000000001.journal.bak"};
	struct fixture *f = *context;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 10);
	close_it(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
		file = fopen(path, "w");
		fputs("不是日志", file);
		fclose(file);
	}
	open_at(f, f->folder);
	append_numbers(f->j, 10, 20);
	assert_int_equal(read_all(f->j, NULL), 20);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
}

/* A header with that version and a checksum that holds. */
static void
set_version(const char *path, long at, uint32_t version)
{
	uint8_t header[64];
	uint32_t crc = 0;
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, header, sizeof(header), at), sizeof(header));
	close(fd);
	memcpy(header + 8, &version, sizeof(version));
	memcpy(header + 12, &crc, sizeof(crc));
	crc = fw_crc32c(0, header, sizeof(header));
	memcpy(header + 12, &crc, sizeof(crc));
	overwrite(path, at, (const char *)header, sizeof(header));
}

static void
set_number(const char *path, uint64_t number)
{
	overwrite(path, 24, (const char *)&number, sizeof(number));
	set_version(path, 0, 2);
}

static void
newer_version_is_refused(void **context)
{
	struct fixture *f = *context;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 10);
	close_it(f);
	segments(f->folder, 0, path);
	set_version(path, 0, 3);
	assert_int_equal(fw_journal_open(&f->j, &f->options, why, sizeof(why)), FW_EVERSION);
	assert_non_null(strstr(why, strrchr(path, '/') + 1));
	f->j = NULL;
	set_version(path, 0, 2);
	open_at(f, f->folder);
	assert_int_equal(read_all(f->j, NULL), 10);
}

static void
either_header_is_enough(void **context)
{
	static const long ends[] = {0, SEGMENT - 64};
	struct fixture *f = *context;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 100);
	close_it(f);
	segments(f->folder, 0, path);
	for (int i = 0; i < 2; i++) {
		char byte, flipped;
		int fd = open(path, O_RDONLY);

		assert_int_equal(pread(fd, &byte, 1, ends[i] + 9), 1);
		close(fd);
		flipped = (char)(byte ^ 4); /* of the version */
		overwrite(path, ends[i] + 9, &flipped, 1);
		open_at(f, f->folder);
		assert_int_equal(read_all(f->j, NULL), 100);
		assert_int_equal(state(f->j).damaged, 0);
		close_it(f);
		if (i == 0)
			overwrite(path, ends[i] + 9, &byte, 1);
	}
	overwrite(path, 9, "\4", 1);
	open_at(f, f->folder);
	assert_in_range(read_all(f->j, NULL), 1, 99);
	assert_int_equal(state(f->j).damaged, 1);
}

/* ---- damage, and what is not taken for a record */

static void
read_file(const char *path, long at, uint8_t *out, size_t n)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, out, n, at), n);
	close(fd);
}

/* A device may send what looks like a record; here it even knows a real one by heart. */
static void
payload_is_no_record(void **context)
{
	static uint8_t payload[1024];
	struct fixture *f = *context;
	struct fw_record r;
	uint64_t first, second;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 1);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	first = r.position;
	second = r.next;
	segments(f->folder, 0, path);
	for (size_t shift = 0; shift < 8; shift++) /* at whichever boundary */
		read_file(
		    path, (long)first, payload + shift * (second - first + 1), second - first);
	assert_int_equal(fw_journal_append(f->j, 1, "t", 1, payload, sizeof(payload), 1024), FW_OK);
	append_numbers(f->j, 7, 9);
	close_it(f);
	overwrite(path, (long)second, "\0\0\0\0\0\0\0\0", 8);
	open_at(f, f->folder);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(number_of(&r), 0);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(number_of(&r), 7);
	assert_int_equal(r.position, second + 32 + 1 + sizeof(payload) + 7);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(number_of(&r), 8);
	assert_int_equal(state(f->j).damaged, 1);
	assert_int_equal(state(f->j).damaged_bytes, 32 + 1 + sizeof(payload) + 7);
}

/* Blocks of one segment that turn up in another, at the same offset too. */
static void
stale_records_do_not_hold(void **context)
{
	static uint8_t page[SEGMENT - 128];
	struct fixture *f = *context;
	char path[512];
	int first, in_first;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 200);
	in_first = (int)(SEGMENT - 128) / (int)(read_upto(f->j, 0) - 64);
	close_it(f);
	segments(f->folder, 0, path);
	read_file(path, 64, page, sizeof(page));
	segments(f->folder, 1, path);
	overwrite(path, 64, (const char *)page, sizeof(page));
	open_at(f, f->folder);
	assert_in_range(read_all(f->j, &first), 200 - in_first - 2, 199);
	assert_int_equal(first, 0);
	assert_int_equal(state(f->j).damaged, 1);
	assert_in_range(state(f->j).damaged_bytes, SEGMENT - 200, SEGMENT - 128);
}

/* A seek into what is damaged, and right before it. */
static void
seek_knows_damage(void **context)
{
	struct fixture *f = *context;
	uint64_t third, fourth, nearest;
	char path[512];
	int first;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 20);
	third = read_upto(f->j, 2);
	fourth = read_upto(f->j, 3);
	close_it(f);
	segments(f->folder, 0, path);
	overwrite(path, (long)third, "\0\0\0\0", 4);
	open_at(f, f->folder);
	assert_int_equal(fw_journal_seek(f->j, third + 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, fourth);
	assert_int_equal(fw_journal_seek(f->j, third, &nearest), FW_OK);
	assert_int_equal(read_all(f->j, &first), 16);
	assert_int_equal(first, 4);
	assert_int_equal(state(f->j).damaged, 1);
	assert_int_equal(state(f->j).damaged_bytes, fourth - third);
}

/* The file shrinks under the map: what is not there is lost, and nobody dies of it. */
static void
unreadable_pages_are_damage(void **context)
{
	static uint8_t payload[1000];
	struct fixture *f = *context;
	struct fw_record r;
	char path[512];
	int count = 0;

	f->options.segment_bytes = 4 << 20;
	f->options.quota_bytes = 16 << 20;
	f->options.sync_interval_us = FW_MS;
	open_at(f, f->folder);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(
		    fw_journal_append(f->j, i, "t", 1, payload, sizeof(payload), 1000), FW_OK);
	close_it(f);
	open_at(f, f->folder);
	segments(f->folder, 0, path);
	assert_int_equal(truncate(path, 2 << 20), 0);
	while (fw_journal_read(f->j, &r) == FW_OK)
		assert_int_equal(r.received_at_us, count++);
	assert_in_range(count, (2 << 20) / 1040 - 2, (2 << 20) / 1040 + 1);
	assert_int_equal(state(f->j).damaged, 1);
	assert_in_range(state(f->j).damaged_bytes, (2 << 20) - 2000, (2 << 20) + 2000);
}

static void
segments_of_another_journal_are_left_alone(void **context)
{
	struct fixture *f = *context;
	char path[512], to[512];
	uint64_t id;

	open_at(f, f->copy);
	append_numbers(f->j, 500, 540);
	close_it(f);
	segments(f->copy, 0, path);
	open_at(f, f->folder);
	append_numbers(f->j, 0, 200);
	id = state(f->j).id;
	close_it(f);
	snprintf(to, sizeof(to), "%s/00000000000000000001.journal", f->copy);
	assert_string_equal(path, to);
	/* as it is its number gives it away; renamed, its header does; a number behind ours: its id
	 */
	snprintf(to, sizeof(to), "%s/00000000000000000077.journal", f->folder);
	copy_file(path, to);
	set_number(to, 77);
	for (int i = 0; i < 2; i++) {
		open_at(f, f->folder);
		assert_true(state(f->j).id == id);
		assert_int_equal(read_all(f->j, NULL), 200 + i);
		assert_int_equal(state(f->j).damaged, 1 - i); /* then nothing is missing there */
		assert_int_equal(append_number(f->j, 200 + i), FW_OK);
		close_it(f);
		assert_int_equal(access(to, F_OK), 0);
	}
}

/* A start costs what was written, not a segment of the quota. */
static void
starts_cost_no_quota(void **context)
{
	struct fixture *f = *context;
	char path[512];

	f->options.segment_bytes = 64 * SEGMENT;
	f->options.quota_bytes = 3 * 64 * SEGMENT;
	for (int i = 0; i < 20; i++) {
		open_at(f, f->folder);
		assert_int_equal(append_number(f->j, i), FW_OK);
		assert_int_equal(state(f->j).refused, 0);
		close_it(f);
	}
	open_at(f, f->folder);
	assert_in_range(segments(f->folder, -1, path), 20, 22);
	assert_true(state(f->j).files_bytes < 2 * 64 * SEGMENT);
	assert_true(fw_journal_filled_percent(f->j) < 34);
	assert_int_equal(read_all(f->j, NULL), 20);
	assert_int_equal(state(f->j).damaged, 0);
}

static void
one_process_at_a_time(void **context)
{
	struct fixture *f = *context;
	struct fw_journal *second;

	open_at(f, f->folder);
	assert_int_equal(fw_journal_open(&second, &f->options, why, sizeof(why)), FW_EEXIST);
	assert_non_null(strstr(why, f->folder));
	close_it(f);
	open_at(f, f->folder);
}

static void
seek_tells_the_nearest(void **context)
{
	struct fixture *f = *context;
	uint64_t first, third, nearest;
	struct fw_record r;

	open_at(f, f->folder);
	append_numbers(f->j, 0, 200);
	first = fw_journal_first(f->j);
	close_it(f);
	open_at(f, f->folder);
	assert_int_equal(fw_journal_seek(f->j, state(f->j).written + 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, state(f->j).written);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.position, first);
	third = read_upto(f->j, 1);
	assert_int_equal(fw_journal_seek(f->j, third - 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, third);
	assert_int_equal(fw_journal_seek(f->j, 0, &nearest), FW_OK);
	assert_int_equal(read_all(f->j, NULL), 200);
	assert_int_equal(fw_journal_seek(f->j, state(f->j).written, &nearest), FW_OK);
	assert_int_equal(read_all(f->j, NULL), 0);
	assert_int_equal(append_number(f->j, 200), FW_OK);
	assert_int_equal(read_all(f->j, NULL), 1);
}

static void
positions_are_never_used_twice(void **context)
{
	struct fixture *f = *context;
	uint64_t written = 0, id = 0;
	char path[512];

	for (int i = 0; i < 10; i++) {
		open_at(f, f->folder);
		assert_true(state(f->j).written > written);
		assert_true(id == 0 || state(f->j).id == id);
		id = state(f->j).id;
		written = state(f->j).written;
		close_it(f);
		assert_int_equal(segments(f->folder, -1, path), 1); /* blank ones do not pile up */
	}
}

/* The keeper works on its own; a condition of the files is waited for. */
static void
wait_for_files(struct fw_journal *j, uint64_t most_bytes)
{
	for (int waited = 0; state(j).files_bytes > most_bytes; waited++) {
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
}

static void
released_segments_go(void **context)
{
	struct fixture *f = *context;
	uint64_t position, nearest;
	char path[512];

	open_at(f, f->folder);
	append_numbers(f->j, 0, 600);
	position = read_upto(f->j, 599);
	assert_true(segments(f->folder, -1, path) > 10);
	fw_journal_release(f->j, position, 10 * FW_MIN);
	assert_true(fw_journal_filled_percent(f->j) < 3);
	fw_journal_release(f->j, position, 11 * FW_MIN - 1);
	assert_true(segments(f->folder, -1, path) > 10); /* kept */
	fw_journal_release(f->j, position, 11 * FW_MIN);
	wait_for_files(f->j, 2 * SEGMENT);
	assert_int_equal(state(f->j).released, position);
	assert_int_equal(fw_journal_seek(f->j, 0, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, fw_journal_first(f->j));
	assert_true(nearest > 8 * SEGMENT);
}

static int
append_until_refused(struct fw_journal *j, int from)
{
	int r = FW_OK;

	while (r == FW_OK)
		r = append_number(j, from++);
	assert_int_equal(r, FW_EFULL);
	return from - 1;
}

static void
quota_refuses_and_release_opens(void **context)
{
	struct fixture *f = *context;
	uint64_t half, nearest;
	int count, more;

	f->options.quota_bytes = 8 * SEGMENT + 100;
	open_at(f, f->folder);
	assert_int_equal(fw_journal_filled_percent(f->j), 0);
	assert_false(state(f->j).no_room);
	count = append_until_refused(f->j, 0);
	assert_true(state(f->j).no_room);
	assert_true(fw_journal_filled_percent(f->j) >= 98);
	assert_int_equal(state(f->j).refused, 1);
	assert_true(state(f->j).files_bytes <= f->options.quota_bytes);
	half = read_upto(f->j, count / 2);
	fw_journal_release(f->j, half, FW_MIN); /* not older than keep_us, but the room is needed */
	for (int waited = 0; (more = append_number(f->j, count)) != FW_OK; waited++) {
		assert_int_equal(more, FW_EFULL);
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
	more = append_until_refused(f->j, count + 1);
	assert_true(more > count + count / 4);
	assert_int_equal(read_all(f->j, NULL), more - count / 2 - 1);
	close_it(f);

	open_at(
	    f, f->folder); /* full: opens, reads, refuses until a checkpoint lets something go */
	assert_int_equal(append_number(f->j, more), FW_EFULL);
	assert_int_equal(fw_journal_seek(f->j, state(f->j).written, &nearest), FW_OK);
	for (int waited = 0; append_number(f->j, more) != FW_OK; waited++) {
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
	assert_int_equal(read_all(f->j, &count), 1);
	assert_int_equal(count, more);
}

static void
sizes_have_limits(void **context)
{
	static uint8_t payload[SEGMENT];
	struct fixture *f = *context;
	const size_t most = SEGMENT - 2 * 64 - 32 - 1;
	struct fw_record r;

	open_at(f, f->folder);
	assert_int_equal(
	    fw_journal_append(f->j, 0, "t", 1, payload, most + 1, most + 1), FW_ETOOBIG);
	assert_int_equal(fw_journal_append(f->j, 0, "t", 1, payload, SIZE_MAX - 8, 0), FW_ETOOBIG);
	assert_int_equal(state(f->j).refused, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fw_journal_append(f->j, 0, "t", 1, payload, most, most), FW_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.payload_len, most);
	assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	close_it(f);
	f->options.quota_bytes = SEGMENT;
	assert_int_equal(fw_journal_open(&f->j, &f->options, why, sizeof(why)), FW_EINVAL);
	f->j = NULL;
	f->options.quota_bytes = 64 * SEGMENT;
	f->options.directory = "/proc/no/such";
	assert_int_equal(fw_journal_open(&f->j, &f->options, why, sizeof(why)), FW_EIO);
	assert_non_null(strstr(why, "/proc/no/such"));
	f->j = NULL;
}

static void
segment_size_may_change(void **context)
{
	struct fixture *f = *context;

	for (int i = 0; i < 4; i++) {
		f->options.segment_bytes = (uint64_t)SEGMENT << (i % 2);
		open_at(f, f->folder);
		append_numbers(f->j, i * 100, i * 100 + 100);
		assert_int_equal(read_all(f->j, NULL), i * 100 + 100);
		close_it(f);
	}
}

struct crowd {
	struct fw_journal *j;
	int count, refused;
};

static void *
append_many(void *context)
{
	struct crowd *c = context;

	for (int i = 0; i < c->count;) {
		if (append_number(c->j, i) == FW_OK)
			i++;
		else
			c->refused++;
	}
	return NULL;
}

/* The reader sleeps on the descriptor alone: a wake-up that is lost ends the test. */
static void
two_threads(struct fixture *f, int count, uint64_t quota)
{
	struct crowd crowd = {.count = count};
	struct fw_record r;
	pthread_t appender;
	int next = 0;

	f->options.quota_bytes = quota;
	open_at(f, f->folder);
	crowd.j = f->j;
	assert_int_equal(pthread_create(&appender, NULL, append_many, &crowd), 0);
	while (next < count) {
		struct pollfd p = {.fd = fw_journal_fd(f->j), .events = POLLIN};

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		fw_journal_clear_fd(f->j);
		while (fw_journal_read(f->j, &r) == FW_OK) {
			assert_int_equal(number_of(&r), next);
			next++;
			if (next % 16 == 0)
				fw_journal_release(f->j, r.next, FW_MIN + next);
			assert_true(fw_journal_filled_percent(f->j) <= 100);
		}
	}
	pthread_join(appender, NULL);
	assert_int_equal(state(f->j).records, count);
	assert_int_equal(state(f->j).refused, crowd.refused);
	assert_int_equal(state(f->j).damaged, 0);
	assert_int_equal(state(f->j).read, state(f->j).written);
}

static void
two_threads_synced(void **context)
{
	two_threads(*context, 3000, 16 * SEGMENT);
}

static void
two_threads_background(void **context)
{
	struct fixture *f = *context;

	f->options.sync_interval_us = 2 * FW_MS;
	two_threads(f, 40000, 16 * SEGMENT);
	for (int waited = 0; state(f->j).synced != state(f->j).written; waited++) {
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
}

static void *
append_when_all_is_read(void *context)
{
	struct crowd *c = context;
	struct fw_journal_state s;

	for (int i = 0; i < c->count; i++) {
		do
			fw_journal_state(c->j, &s);
		while (s.read != s.written);
		if (append_number(c->j, i) != FW_OK)
			c->refused++;
	}
	return NULL;
}

/* Each record comes in the moment in which the reader finds nothing more and is about to sleep. */
static void
no_wake_up_is_lost(void **context)
{
	struct fixture *f = *context;
	struct crowd crowd = {.count = 20000};
	struct fw_record r;
	pthread_t appender;

	f->options.sync_interval_us = 2 * FW_MS;
	f->options.quota_bytes = 64 * SEGMENT;
	open_at(f, f->folder);
	crowd.j = f->j;
	assert_int_equal(pthread_create(&appender, NULL, append_when_all_is_read, &crowd), 0);
	for (int next = 0; next < crowd.count;) {
		struct pollfd p = {.fd = fw_journal_fd(f->j), .events = POLLIN};

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		fw_journal_clear_fd(f->j);
		for (; fw_journal_read(f->j, &r) == FW_OK; next++)
			fw_journal_release(f->j, r.next, FW_MIN + next);
	}
	pthread_join(appender, NULL);
	assert_int_equal(crowd.refused, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc_is_castagnoli),
	    TEST(comes_out_as_it_went_in),
	    TEST(replays_after_reopen),
	    TEST(survives_a_kill),
	    TEST(torn_tail_is_counted),
	    TEST(lost_page_is_counted),
	    TEST(lost_end_is_counted),
	    TEST(every_flipped_bit_is_seen),
	    TEST(records_are_counted_as_found_read_and_lost),
	    TEST(cut_file_is_counted),
	    TEST(missing_segment_is_a_gap),
	    TEST(foreign_files_are_left_alone),
	    TEST(newer_version_is_refused),
	    TEST(either_header_is_enough),
	    TEST(payload_is_no_record),
	    TEST(stale_records_do_not_hold),
	    TEST(seek_knows_damage),
	    TEST(unreadable_pages_are_damage),
	    TEST(segments_of_another_journal_are_left_alone),
	    TEST(starts_cost_no_quota),
	    TEST(one_process_at_a_time),
	    TEST(seek_tells_the_nearest),
	    TEST(positions_are_never_used_twice),
	    TEST(released_segments_go),
	    TEST(quota_refuses_and_release_opens),
	    TEST(sizes_have_limits),
	    TEST(segment_size_may_change),
	    TEST(two_threads_synced),
	    TEST(two_threads_background),
	    TEST(no_wake_up_is_lost),
	};

	fw_log_init((enum fw_log_level)0, 0); /* the damage is done on purpose */
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
