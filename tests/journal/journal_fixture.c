/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "tests/journal/journal_fixture.h"

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

int
fixture_segments(const char *folder, int wanted, char path[512])
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

void
fixture_copy_file(const char *from, const char *to)
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

void
fixture_copy_folder(const struct fixture *f)
{
	char from[512], to[512];
	int count = fixture_segments(f->folder, -1, from);

	assert_int_equal(mkdir(f->copy, 0700), 0);
	for (int i = 0; i < count; i++) {
		fixture_segments(f->folder, i, from);
		snprintf(to, sizeof(to), "%s%s", f->copy, strrchr(from, '/'));
		fixture_copy_file(from, to);
	}
}

void
fixture_overwrite(const char *path, long at, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

void
fixture_open(struct fixture *f, const char *folder)
{
	f->options.directory = folder;
	assert_int_equal(fw_journal_open(&f->j, &f->options, f->why, sizeof(f->why)), FW_OK);
}

void
fixture_close(struct fixture *f)
{
	fw_journal_close(f->j);
	f->j = NULL;
}

int
fixture_append(struct fw_journal *j, int number)
{
	char payload[32];
	int n = snprintf(payload, sizeof(payload), "火警 %d", number);

	return fw_journal_append(
	    j, 1000 + number, TOPIC, strlen(TOPIC), payload, (size_t)n, (size_t)n);
}

void
fixture_append_numbers(struct fw_journal *j, int from, int to)
{
	for (int i = from; i < to; i++)
		assert_int_equal(fixture_append(j, i), FW_OK);
}

int
fixture_number(const struct fw_record *r)
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

int
fixture_read_all(struct fw_journal *j, int *first)
{
	struct fw_record r;
	int count = 0, last = -1;

	while (fw_journal_read(j, &r) == FW_OK) {
		int number = fixture_number(&r);

		assert_true(number > last);
		if (count++ == 0 && first)
			*first = number;
		last = number;
	}
	return count;
}

uint64_t
fixture_read_up_to(struct fw_journal *j, int number)
{
	struct fw_record r;

	do
		assert_int_equal(fw_journal_read(j, &r), FW_OK);
	while (fixture_number(&r) != number);
	return r.next;
}

struct fw_journal_state
fixture_state(const struct fw_journal *j)
{
	struct fw_journal_state s;

	fw_journal_state(j, &s);
	return s;
}

int
fixture_set_up(void **context)
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

int
fixture_tear_down(void **context)
{
	struct fixture *f = *context;

	fw_journal_close(f->j);
	remove_folder(f->folder);
	remove_folder(f->copy);
	free(f);
	return 0;
}
