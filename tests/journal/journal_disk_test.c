/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on a disk that fills up, is read-only, or fails: an ext4 image on a loop device,
 * whose image lies in a tmpfs.  Needs the right to mount; without it the tests are skipped. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "io/journal.h"

#define SEGMENT ((uint64_t)1 << 20)
#define WAIT_MS 10000

struct fixture {
	char root[32], memory[64], disk[64], folder[96];
	struct fw_journal_options options;
	struct fw_journal *j;
};

static char why[256];

static bool run(const char *format, ...) FW_PRINTF(1, 2);

static bool
run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

/* The image is sparse: the tmpfs has less room than the file system on it thinks. */
static int
setup(void **context)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->root, "/tmp/fw-disk-XXXXXX");
	if (!mkdtemp(f->root))
		return -1;
	snprintf(f->memory, sizeof(f->memory), "%s/memory", f->root);
	snprintf(f->disk, sizeof(f->disk), "%s/disk", f->root);
	snprintf(f->folder, sizeof(f->folder), "%s/alarm", f->disk);
	f->options = (struct fw_journal_options){.directory = f->folder,
	    .segment_bytes = SEGMENT,
	    .quota_bytes = 64 * SEGMENT,
	    .keep_us = FW_MIN};
	*context = f;
	if (mkdir(f->memory, 0700) != 0 || mkdir(f->disk, 0700) != 0)
		return -1;
	if (mount("tmpfs", f->memory, "tmpfs", 0, "size=6m") == 0 &&
	    run("truncate -s 16M %s/image && mkfs.ext4 -q -m 0 -O ^has_journal %s/image"
		" && mount -o loop %s/image %s",
		f->memory, f->memory, f->memory, f->disk))
		return 0;
	fprintf(stderr, "no right to mount\n");
	f->disk[0] = '\0';
	return 0;
}

static int
teardown(void **context)
{
	struct fixture *f = *context;

	fw_journal_close(f->j);
	if (f->disk[0])
		run("umount %s", f->disk);
	run("umount %s 2>/dev/null; rm -rf %s", f->memory, f->root);
	free(f);
	return 0;
}

static void
need_disk(const struct fixture *f)
{
	if (!f->disk[0])
		skip();
}

static struct fw_journal_state
state(const struct fw_journal *j)
{
	struct fw_journal_state s;

	fw_journal_state(j, &s);
	return s;
}

static int
append(struct fw_journal *j)
{
	static uint8_t payload[4000];

	memset(payload, 0x5a, sizeof(payload));
	return fw_journal_append(j, 1, "t", 1, payload, sizeof(payload), sizeof(payload));
}

static void
open_it(struct fixture *f)
{
	assert_int_equal(fw_journal_open(&f->j, &f->options, why, sizeof(why)), FW_OK);
}

static void
close_it(struct fixture *f)
{
	fw_journal_close(f->j);
	f->j = NULL;
}

static int
read_all(struct fw_journal *j)
{
	struct fw_record r;
	int count = 0;

	while (fw_journal_read(j, &r) == FW_OK)
		count++;
	return count;
}

static void
append_when_it_may(struct fw_journal *j)
{
	for (int waited = 0; append(j) != FW_OK; waited++) {
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
}

static void
full_disk_is_read_and_refuses(void **context)
{
	struct fixture *f = *context;
	int r;

	need_disk(f);
	open_it(f);
	for (int i = 0; i < 10; i++)
		assert_int_equal(append(f->j), FW_OK);
	close_it(f);
	/* the segment kept ready goes, its room would do; what fills the disk is not written, so
	 * that the tmpfs below notices nothing */
	assert_true(run("rm $(ls %s/*.journal | tail -1)", f->folder));
	assert_true(run("fallocate -l $(($(df --output=avail %s | tail -1) * 1024)) %s/filler",
	    f->disk, f->disk));
	open_it(f);
	assert_true(state(f->j).no_room);
	assert_int_equal(append(f->j), FW_EFULL);
	assert_int_equal(state(f->j).refused, 1);
	assert_int_equal(read_all(f->j), 10);
	assert_true(run("rm %s/filler", f->disk));
	append_when_it_may(f->j);
	assert_int_equal(read_all(f->j), 1);
	assert_int_equal(state(f->j).damaged, 0);
	do
		r = state(f->j).no_room ? FW_EFULL : append(f->j);
	while (r == FW_OK && state(f->j).records < 100);
	assert_int_equal(r, FW_OK);
}

static void
read_only_disk_is_read_and_refuses(void **context)
{
	struct fixture *f = *context;

	need_disk(f);
	open_it(f);
	for (int i = 0; i < 10; i++)
		assert_int_equal(append(f->j), FW_OK);
	close_it(f);
	assert_true(run("mount -o remount,ro %s", f->disk));
	open_it(f);
	assert_int_equal(read_all(f->j), 10);
	assert_int_equal(append(f->j), FW_EIO);
	assert_true(state(f->j).no_room);
	assert_false(state(f->j).failed);
	assert_true(run("mount -o remount,rw %s", f->disk));
	append_when_it_may(f->j);
	assert_int_equal(read_all(f->j), 1);
}

/* Appends until the disk below has no room for what was promised. */
static int
append_until_it_fails(struct fw_journal *j)
{
	int r = FW_OK, count = 0;

	while (r == FW_OK && count < 10000) {
		r = append(j);
		count += r == FW_OK;
	}
	assert_int_equal(r, FW_EIO);
	return count;
}

static void
failed_sync_accepts_nothing_more(void **context)
{
	struct fixture *f = *context;
	int count;

	need_disk(f);
	open_it(f);
	assert_true(run("dd if=/dev/zero of=%s/ballast bs=64k 2>/dev/null; [ -s %s/ballast ]",
	    f->memory, f->memory));
	count = append_until_it_fails(f->j);
	assert_true(state(f->j).failed);
	assert_int_equal(state(f->j).sync_errors, 1);
	assert_true(state(f->j).refused >= 1);
	assert_true(state(f->j).synced < state(f->j).written);
	assert_int_equal(append(f->j), FW_EIO);
	assert_true(read_all(f->j) >= count); /* what was accepted is still read */
	close_it(f);
}

static void
failed_background_sync_is_told(void **context)
{
	struct fixture *f = *context;

	need_disk(f);
	f->options.sync_interval_us = FW_MS;
	open_it(f);
	assert_true(run("dd if=/dev/zero of=%s/ballast bs=64k 2>/dev/null; [ -s %s/ballast ]",
	    f->memory, f->memory));
	for (int waited = 0; !state(f->j).failed; waited++) {
		assert_true(waited < WAIT_MS);
		if (append(f->j) != FW_OK)
			continue;
		poll(NULL, 0, 1);
	}
	assert_int_equal(state(f->j).sync_errors, 1);
	assert_int_equal(append(f->j), FW_EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(full_disk_is_read_and_refuses),
	    TEST(read_only_disk_is_read_and_refuses),
	    TEST(failed_sync_accepts_nothing_more),
	    TEST(failed_background_sync_is_told),
	};

	fw_log_init((enum fw_log_level)0, 0);
	return cmocka_run_group_tests_name("journal_disk", tests, NULL, NULL);
}
