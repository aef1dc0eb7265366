/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on real files in a temporary folder: what comes out is what went in. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "io/crc32c.h"
#include "tests/journal/journal_fixture.h"

#define WAIT_MS 10000

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

	fixture_open(f, f->folder);
	assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	position = fixture_state(f->j).written;
	assert_int_equal(fw_journal_first(f->j), position);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(fixture_append(f->j, i), FW_OK);
		assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
		assert_int_equal(fixture_number(&r), i);
		assert_true(r.position >= position && r.next > r.position);
		position = r.next;
		assert_int_equal(fixture_state(f->j).synced, position);
		assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	}
	assert_int_equal(fw_journal_append(f->j, -5, NULL, 0, NULL, 0, 1 << 20), FW_OK);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.received_at_us, -5);
	assert_int_equal(r.topic_len + r.payload_len, 0);
	assert_int_equal(r.original_len, 1 << 20);
	assert_int_equal(fixture_state(f->j).records, 501);
	assert_int_equal(fixture_state(f->j).damaged, 0);
}

static void
replays_after_reopen(void **context)
{
	struct fixture *f = *context;
	uint64_t id, written, checkpoint, nearest;
	int first;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 300);
	checkpoint = fixture_read_up_to(f->j, 199);
	id = fixture_state(f->j).id;
	written = fixture_state(f->j).written;
	fixture_close(f);

	fixture_open(f, f->folder);
	assert_true(id != 0 && fixture_state(f->j).id == id);
	assert_true(fixture_state(f->j).written > written);
	assert_int_equal(fw_journal_seek(f->j, checkpoint, &nearest), FW_OK);
	fixture_append_numbers(f->j, 300, 310);
	assert_int_equal(fixture_read_all(f->j, &first), 110);
	assert_int_equal(first, 200);
	fixture_close(f);

	fixture_open(f, f->folder);
	assert_int_equal(fixture_read_all(f->j, &first), 310);
	assert_int_equal(fixture_state(f->j).damaged, 0);
}

static void
survives_a_kill(void **context)
{
	struct fixture *f = *context;
	int status, first;
	pid_t child = fork();

	if (child == 0) {
		f->options.sync_interval_us = FW_S;
		if (fw_journal_open(&f->j, &f->options, f->why, sizeof(f->why)) == FW_OK)
			for (int i = 0; i < 400 && fixture_append(f->j, i) == FW_OK; i++)
				;
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	fixture_open(f, f->folder);
	assert_int_equal(fixture_read_all(f->j, &first), 400);
	assert_int_equal(first, 0);
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
		fixture_open(f, f->folder);
		assert_int_equal(fixture_append(f->j, i), FW_OK);
		assert_int_equal(fixture_state(f->j).refused, 0);
		fixture_close(f);
	}
	fixture_open(f, f->folder);
	assert_in_range(fixture_segments(f->folder, -1, path), 20, 22);
	assert_true(fixture_state(f->j).files_bytes < 2 * 64 * SEGMENT);
	assert_true(fw_journal_filled_percent(f->j) < 34);
	assert_int_equal(fixture_read_all(f->j, NULL), 20);
	assert_int_equal(fixture_state(f->j).damaged, 0);
}

static void
one_process_at_a_time(void **context)
{
	struct fixture *f = *context;
	struct fw_journal *second;

	fixture_open(f, f->folder);
	assert_int_equal(fw_journal_open(&second, &f->options, f->why, sizeof(f->why)), FW_EEXIST);
	assert_non_null(strstr(f->why, f->folder));
	fixture_close(f);
	fixture_open(f, f->folder);
}

static void
seek_tells_the_nearest(void **context)
{
	struct fixture *f = *context;
	uint64_t first, third, nearest;
	struct fw_record r;

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 200);
	first = fw_journal_first(f->j);
	fixture_close(f);
	fixture_open(f, f->folder);
	assert_int_equal(
	    fw_journal_seek(f->j, fixture_state(f->j).written + 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, fixture_state(f->j).written);
	assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.position, first);
	third = fixture_read_up_to(f->j, 1);
	assert_int_equal(fw_journal_seek(f->j, third - 8, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, third);
	assert_int_equal(fw_journal_seek(f->j, 0, &nearest), FW_OK);
	assert_int_equal(fixture_read_all(f->j, NULL), 200);
	assert_int_equal(fw_journal_seek(f->j, fixture_state(f->j).written, &nearest), FW_OK);
	assert_int_equal(fixture_read_all(f->j, NULL), 0);
	assert_int_equal(fixture_append(f->j, 200), FW_OK);
	assert_int_equal(fixture_read_all(f->j, NULL), 1);
}

static void
positions_are_never_used_twice(void **context)
{
	struct fixture *f = *context;
	uint64_t written = 0, id = 0;
	char path[512];

	for (int i = 0; i < 10; i++) {
		fixture_open(f, f->folder);
		assert_true(fixture_state(f->j).written > written);
		assert_true(id == 0 || fixture_state(f->j).id == id);
		id = fixture_state(f->j).id;
		written = fixture_state(f->j).written;
		fixture_close(f);
		assert_int_equal(
		    fixture_segments(f->folder, -1, path), 1); /* blank ones do not pile up */
	}
}

/* The keeper works on its own; a condition of the files is waited for. */
static void
wait_for_files(struct fw_journal *j, uint64_t most_bytes)
{
	for (int waited = 0; fixture_state(j).files_bytes > most_bytes; waited++) {
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

	fixture_open(f, f->folder);
	fixture_append_numbers(f->j, 0, 600);
	position = fixture_read_up_to(f->j, 599);
	assert_true(fixture_segments(f->folder, -1, path) > 10);
	fw_journal_release(f->j, position, 10 * FW_MIN);
	assert_true(fw_journal_filled_percent(f->j) < 3);
	fw_journal_release(f->j, position, 11 * FW_MIN - 1);
	assert_true(fixture_segments(f->folder, -1, path) > 10); /* kept */
	fw_journal_release(f->j, position, 11 * FW_MIN);
	wait_for_files(f->j, 2 * SEGMENT);
	assert_int_equal(fixture_state(f->j).released, position);
	assert_int_equal(fw_journal_seek(f->j, 0, &nearest), FW_ENOTFOUND);
	assert_int_equal(nearest, fw_journal_first(f->j));
	assert_true(nearest > 8 * SEGMENT);
}

static int
append_until_refused(struct fw_journal *j, int from)
{
	int r = FW_OK;

	while (r == FW_OK)
		r = fixture_append(j, from++);
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
	fixture_open(f, f->folder);
	assert_int_equal(fw_journal_filled_percent(f->j), 0);
	assert_false(fixture_state(f->j).no_room);
	count = append_until_refused(f->j, 0);
	assert_true(fixture_state(f->j).no_room);
	assert_true(fw_journal_filled_percent(f->j) >= 98);
	assert_int_equal(fixture_state(f->j).refused, 1);
	assert_true(fixture_state(f->j).files_bytes <= f->options.quota_bytes);
	half = fixture_read_up_to(f->j, count / 2);
	fw_journal_release(f->j, half, FW_MIN); /* not older than keep_us, but the room is needed */
	for (int waited = 0; (more = fixture_append(f->j, count)) != FW_OK; waited++) {
		assert_int_equal(more, FW_EFULL);
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
	more = append_until_refused(f->j, count + 1);
	assert_true(more > count + count / 4);
	assert_int_equal(fixture_read_all(f->j, NULL), more - count / 2 - 1);
	fixture_close(f);

	fixture_open(
	    f, f->folder); /* full: opens, reads, refuses until a checkpoint lets something go */
	assert_int_equal(fixture_append(f->j, more), FW_EFULL);
	assert_int_equal(fw_journal_seek(f->j, fixture_state(f->j).written, &nearest), FW_OK);
	for (int waited = 0; fixture_append(f->j, more) != FW_OK; waited++) {
		assert_true(waited < WAIT_MS);
		poll(NULL, 0, 1);
	}
	assert_int_equal(fixture_read_all(f->j, &count), 1);
	assert_int_equal(count, more);
}

static void
sizes_have_limits(void **context)
{
	static uint8_t payload[SEGMENT];
	struct fixture *f = *context;
	const size_t most = SEGMENT - 2 * 64 - 32 - 1;
	struct fw_record r;

	fixture_open(f, f->folder);
	assert_int_equal(
	    fw_journal_append(f->j, 0, "t", 1, payload, most + 1, most + 1), FW_ETOOBIG);
	assert_int_equal(fw_journal_append(f->j, 0, "t", 1, payload, SIZE_MAX - 8, 0), FW_ETOOBIG);
	assert_int_equal(fixture_state(f->j).refused, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fw_journal_append(f->j, 0, "t", 1, payload, most, most), FW_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fw_journal_read(f->j, &r), FW_OK);
	assert_int_equal(r.payload_len, most);
	assert_int_equal(fw_journal_read(f->j, &r), FW_EAGAIN);
	fixture_close(f);
	f->options.quota_bytes = SEGMENT;
	assert_int_equal(fw_journal_open(&f->j, &f->options, f->why, sizeof(f->why)), FW_EINVAL);
	f->j = NULL;
	f->options.quota_bytes = 64 * SEGMENT;
	f->options.directory = "/proc/no/such";
	assert_int_equal(fw_journal_open(&f->j, &f->options, f->why, sizeof(f->why)), FW_EIO);
	assert_non_null(strstr(f->why, "/proc/no/such"));
	f->j = NULL;
}

static void
segment_size_may_change(void **context)
{
	struct fixture *f = *context;

	for (int i = 0; i < 4; i++) {
		f->options.segment_bytes = (uint64_t)SEGMENT << (i % 2);
		fixture_open(f, f->folder);
		fixture_append_numbers(f->j, i * 100, i * 100 + 100);
		assert_int_equal(fixture_read_all(f->j, NULL), i * 100 + 100);
		fixture_close(f);
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
		if (fixture_append(c->j, i) == FW_OK)
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
	fixture_open(f, f->folder);
	crowd.j = f->j;
	assert_int_equal(pthread_create(&appender, NULL, append_many, &crowd), 0);
	while (next < count) {
		struct pollfd p = {.fd = fw_journal_fd(f->j), .events = POLLIN};

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		fw_journal_clear_fd(f->j);
		while (fw_journal_read(f->j, &r) == FW_OK) {
			assert_int_equal(fixture_number(&r), next);
			next++;
			if (next % 16 == 0)
				fw_journal_release(f->j, r.next, FW_MIN + next);
			assert_true(fw_journal_filled_percent(f->j) <= 100);
		}
	}
	pthread_join(appender, NULL);
	assert_int_equal(fixture_state(f->j).records, count);
	assert_int_equal(fixture_state(f->j).refused, crowd.refused);
	assert_int_equal(fixture_state(f->j).damaged, 0);
	assert_int_equal(fixture_state(f->j).read, fixture_state(f->j).written);
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
	for (int waited = 0; fixture_state(f->j).synced != fixture_state(f->j).written; waited++) {
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
		if (fixture_append(c->j, i) != FW_OK)
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
	fixture_open(f, f->folder);
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

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc_is_castagnoli),
	    TEST(comes_out_as_it_went_in),
	    TEST(replays_after_reopen),
	    TEST(survives_a_kill),
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
