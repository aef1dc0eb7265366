/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged, missing and foreign files of a journal: what cannot come out is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "io/crc32c.h"
#include "tests/journal/journal_fixture.h"

static void
torn_tail_is_counted(void **context)
{
	struct fixture *f = *context;
	uint64_t last, first_of_tail;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 100);
	last = fixture_read_up_to(f->j, 98);
	fixture_copy_folder(f);
	/* the spare is the last file, the active one is before it */
	fixture_segments(f->copy, fixture_segments(f->copy, -1, path) - 2, path);
	first_of_tail = last / SEGMENT * SEGMENT;
	fixture_overwrite(path, (long)(last - first_of_tail) + 40, "\0\0\0\0\0\0\0\0", 8);
	fixture_close(f);

	fixture_open(f, f->copy);
	assert_int_equal(fixture_read_all(f->j, NULL), 99);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_int_equal(fixture_append(f->j, 100), FW_OK);
	assert_int_equal(fixture_read_all(f->j, NULL), 1);
	assert_int_equal(fixture_state(f->j).damaged, 1);
}

/* Pages reach the disk in any order: zeros, and records after them. */
static void
lost_page_is_counted(void **context)
{
	static const char zeros[64];
	struct fixture *f = *context;
	char path[512];
	int first;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 20);
	fixture_copy_folder(f);
	fixture_segments(f->copy, 0, path);
	fixture_overwrite(path, 64, zeros, 32);
	fixture_close(f);
	fixture_open(f, f->copy);
	assert_int_equal(fixture_read_all(f->j, &first), 19);
	assert_int_equal(first, 1);
	assert_int_equal(fixture_state(f->j).damaged, 1);
}

/* The last records of a segment that was filled. */
static void
lost_end_is_counted(void **context)
{
	static const char zeros[300];
	struct fixture *f = *context;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 200);
	fixture_close(f);
	fixture_segments(f->folder, 1, path);
	fixture_overwrite(path, SEGMENT - 64 - 300, zeros, 300);
	fixture_open(f, f->folder);
	assert_in_range(fixture_read_all(f->j, NULL), 195, 199);
	assert_in_range(fixture_state(f->j).damaged, 1, 2); /* a record may be cut in two */
	assert_in_range(fixture_state(f->j).damaged_bytes, 300, 500);
}

static void
every_flipped_bit_is_seen(void **context)
{
	struct fixture *f = *context;
	const uint64_t padding = (8 - (32 + strlen(TOPIC) + strlen("火警 3")) % 8) % 8;
	uint64_t third, fourth;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 100);
	third = fixture_read_up_to(f->j, 2) % SEGMENT;
	fourth = fixture_read_up_to(f->j, 3) % SEGMENT;
	fixture_copy_folder(f);
	fixture_close(f);
	fixture_segments(f->copy, 0, path);
	for (uint64_t at = third; at < fourth - padding; at++) {
		char byte, flipped;
		int fd = open(path, O_RDONLY), first, count;

		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		close(fd);
		flipped = (char)(byte ^ 1 << at % 8);
		fixture_overwrite(path, (long)at, &flipped, 1);
		fixture_open(f, f->copy);
		count = fixture_read_all(f->j, &first);
		assert_int_equal(first, 0);
		assert_int_equal(count, 99);
		assert_int_equal(fixture_state(f->j).damaged, 1);
		assert_int_equal(fixture_state(f->j).damaged_bytes, fourth - third);
		fixture_close(f);
		fixture_overwrite(path, (long)at, &byte, 1);
	}
	fixture_open(f, f->copy);
	assert_int_equal(fixture_read_all(f->j, NULL), 100);
}

static void
records_are_counted_as_found_read_and_lost(void **context)
{
	struct fixture *f = *context;
	char path[512];
	uint64_t fourth;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 10);
	fourth = fixture_read_up_to(f->j, 2) % SEGMENT;
	fixture_segments(f->folder, 0, path);
	fixture_overwrite(path, (long)fourth, "x", 1);
	assert_int_equal(fixture_read_all(f->j, NULL), 6);
	assert_int_equal(fixture_state(f->j).lost_records, 1);
	fixture_append_numbers(f->j, 10, 15);
	assert_int_equal(fixture_state(f->j).lost_records, 1);
	assert_int_equal(fixture_read_all(f->j, NULL), 5);
	assert_int_equal(fixture_state(f->j).records, 15);
	assert_int_equal(fixture_state(f->j).read_records, 14);
	assert_int_equal(fixture_state(f->j).found_records, 0);
	assert_int_equal(fixture_state(f->j).lost_records, 1);
	fixture_close(f);

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 15, 20);
	assert_int_equal(fixture_read_all(f->j, NULL), 19);
	assert_int_equal(fixture_state(f->j).records, 5);
	assert_int_equal(fixture_state(f->j).read_records, 19);
	assert_int_equal(fixture_state(f->j).found_records, 14);
	assert_int_equal(fixture_state(f->j).lost_records, 0);
}

static void
cut_file_is_counted(void **context)
{
	struct fixture *f = *context;
	char path[512];
	int first;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 100);
	fixture_close(f);
	fixture_segments(f->folder, 0, path);
	assert_int_equal(truncate(path, 1000), 0);
	fixture_open(f, f->folder);
	assert_in_range(fixture_read_all(f->j, &first), 20, 90);
	assert_int_equal(first, 0);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	fixture_close(f);
	assert_int_equal(truncate(path, 30), 0);
	fixture_open(f, f->folder);
	assert_true(fixture_read_all(f->j, &first) > 0);
	assert_true(first > 0);
	assert_int_equal(fixture_state(f->j).damaged, 1);
}

static void
missing_segment_is_a_gap(void **context)
{
	struct fixture *f = *context;
	uint64_t inside, nearest;
	char path[512];
	int count;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 200);
	fixture_close(f);
	fixture_open(f, f->folder);
	count = fixture_read_all(f->j, NULL);
	assert_int_equal(count, 200);
	fixture_close(f);
	fixture_segments(f->folder, 1, path);
	assert_int_equal(unlink(path), 0);
	fixture_open(f, f->folder);
	inside = SEGMENT + 100;
	assert_int_equal(fw_journal_seek(f->j, inside, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, 2 * SEGMENT + 64);
	assert_in_range(fixture_read_all(f->j, NULL), 100, 199);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_int_equal(fixture_state(f->j).damaged_bytes, SEGMENT);
	assert_int_equal(fixture_append(f->j, 200), FW_OK);
	assert_int_equal(fixture_read_all(f->j, NULL), 1);
}

static void
foreign_files_are_left_alone(void **context)
{
	static const char *const names[] = {"README", "1.journal", "00000000000000000000.journal",
	    "99999999999999999999.journal", "00000000000000000007.journal",
	    "00000000000000000001.journal.bak"};
	struct fixture *f = *context;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 10);
	fixture_close(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
		file = fopen(path, "w");
		fputs("不是日志", file);
		fclose(file);
	}
	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 10, 20);
	assert_int_equal(fixture_read_all(f->j, NULL), 20);
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
	fixture_overwrite(path, at, (const char *)header, sizeof(header));
}

static void
set_number(const char *path, uint64_t number)
{
	fixture_overwrite(path, 24, (const char *)&number, sizeof(number));
	set_version(path, 0, 2);
}

static void
newer_version_is_refused(void **context)
{
	struct fixture *f = *context;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 10);
	fixture_close(f);
	fixture_segments(f->folder, 0, path);
	set_version(path, 0, 3);
	assert_int_equal(fw_journal_open(&f->j, &f->options, f->why, sizeof(f->why)), FW_EVERSION);
	assert_non_null(strstr(f->why, strrchr(path, '/') + 1));
	f->j = NULL;
	set_version(path, 0, 2);
	fixture_open(f, f->folder);
	assert_int_equal(fixture_read_all(f->j, NULL), 10);
}

static void
either_header_is_enough(void **context)
{
	static const long ends[] = {0, SEGMENT - 64};
	struct fixture *f = *context;
	char path[512];

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 100);
	fixture_close(f);
	fixture_segments(f->folder, 0, path);
	for (int i = 0; i < 2; i++) {
		char byte, flipped;
		int fd = open(path, O_RDONLY);

		assert_int_equal(pread(fd, &byte, 1, ends[i] + 9), 1);
		close(fd);
		flipped = (char)(byte ^ 4); /* of the version */
		fixture_overwrite(path, ends[i] + 9, &flipped, 1);
		fixture_open(f, f->folder);
		assert_int_equal(fixture_read_all(f->j, NULL), 100);
		assert_int_equal(fixture_state(f->j).damaged, 0);
		fixture_close(f);
		if (i == 0)
			fixture_overwrite(path, ends[i] + 9, &byte, 1);
	}
	fixture_overwrite(path, 9, "\4", 1);
	fixture_open(f, f->folder);
	assert_in_range(fixture_read_all(f->j, NULL), 1, 99);
	assert_int_equal(fixture_state(f->j).damaged, 1);
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

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 1);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	first = r.position;
	second = r.next;
	fixture_segments(f->folder, 0, path);
	for (size_t shift = 0; shift < 8; shift++) /* at whichever boundary */
		read_file(
		    path, (long)first, payload + shift * (second - first + 1), second - first);
	assert_int_equal(fw_journal_append(f->j, 1, "t", 1, payload, sizeof(payload), 1024), FW_OK);
	fixture_append_numbers(f->j, 7, 9);
	fixture_close(f);
	fixture_overwrite(path, (long)second, "\0\0\0\0\0\0\0\0", 8);
	fixture_open(f, f->folder);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(fixture_number(&r), 0);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(fixture_number(&r), 7);
	assert_int_equal(r.position, second + 32 + 1 + sizeof(payload) + 7);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(fixture_number(&r), 8);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_int_equal(fixture_state(f->j).damaged_bytes, 32 + 1 + sizeof(payload) + 7);
}

/* Blocks of one segment that turn up in another, at the same offset too. */
static void
stale_records_do_not_hold(void **context)
{
	static uint8_t page[SEGMENT - 128];
	struct fixture *f = *context;
	char path[512];
	int first, in_first;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 200);
	in_first = (int)(SEGMENT - 128) / (int)(fixture_read_up_to(f->j, 0) - 64);
	fixture_close(f);
	fixture_segments(f->folder, 0, path);
	read_file(path, 64, page, sizeof(page));
	fixture_segments(f->folder, 1, path);
	fixture_overwrite(path, 64, (const char *)page, sizeof(page));
	fixture_open(f, f->folder);
	assert_in_range(fixture_read_all(f->j, &first), 200 - in_first - 2, 199);
	assert_int_equal(first, 0);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_in_range(fixture_state(f->j).damaged_bytes, SEGMENT - 200, SEGMENT - 128);
}

/* A seek into what is damaged, and right before it. */
static void
seek_knows_damage(void **context)
{
	struct fixture *f = *context;
	uint64_t third, fourth, nearest;
	char path[512];
	int first;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 20);
	third = fixture_read_up_to(f->j, 2);
	fourth = fixture_read_up_to(f->j, 3);
	fixture_close(f);
	fixture_segments(f->folder, 0, path);
	fixture_overwrite(path, (long)third, "\0\0\0\0", 4);
	fixture_open(f, f->folder);
	assert_int_equal(fw_journal_seek(f->j, third + 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, fourth);
	assert_int_equal(fw_journal_seek(f->j, third, &nearest), FW_OK);
	assert_int_equal(fixture_read_all(f->j, &first), 16);
	assert_int_equal(first, 4);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_int_equal(fixture_state(f->j).damaged_bytes, fourth - third);
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
	fixture_open(f, f->folder);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(
		    fw_journal_append(f->j, i, "t", 1, payload, sizeof(payload), 1000), FW_OK);
	fixture_close(f);
	fixture_open(f, f->folder);
	fixture_segments(f->folder, 0, path);
	assert_int_equal(truncate(path, 2 << 20), 0);
	while (fw_journal_read(f->j, &r) == FW_OK)
		assert_int_equal(r.received_at_us, count++);
	assert_in_range(count, (2 << 20) / 1040 - 2, (2 << 20) / 1040 + 1);
	assert_int_equal(fixture_state(f->j).damaged, 1);
	assert_in_range(fixture_state(f->j).damaged_bytes, (2 << 20) - 2000, (2 << 20) + 2000);
}

static void
segments_of_another_journal_are_left_alone(void **context)
{
	struct fixture *f = *context;
	char path[512], to[512];
	uint64_t id;

	fixture_open(f, f->copy);
	fixture_append_numbers(f->j, 500, 540);
	fixture_close(f);
	fixture_segments(f->copy, 0, path);
	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 200);
	id = fixture_state(f->j).id;
	fixture_close(f);
	snprintf(to, sizeof(to), "%s/00000000000000000001.journal", f->copy);
	assert_string_equal(path, to);
	/* as it is its number gives it away; renamed, its header does; a number behind ours: its id
	 */
	snprintf(to, sizeof(to), "%s/00000000000000000077.journal", f->folder);
	fixture_copy_file(path, to);
	set_number(to, 77);
	for (int i = 0; i < 2; i++) {
		fixture_open(f, f->folder);
		assert_true(fixture_state(f->j).id == id);
		assert_int_equal(fixture_read_all(f->j, NULL), 200 + i);
		assert_int_equal(
		    fixture_state(f->j).damaged, 1 - i); /* then nothing is missing there */
		assert_int_equal(fixture_append(f->j, 200 + i), FW_OK);
		fixture_close(f);
		assert_int_equal(access(to, F_OK), 0);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
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
	};

	fw_log_init((enum fw_log_level)0, 0); /* the damage is done on purpose */
	return cmocka_run_group_tests_name("journal_damage", tests, NULL, NULL);
}
