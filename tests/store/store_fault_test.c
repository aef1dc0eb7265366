/* SPDX-License-Identifier: Apache-2.0 */
/* What a store does when PostgreSQL refuses, has another master, or stands elsewhere than it was
 * left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "store_fixture.h"

#define JOURNAL 77

static bool
is_retried(struct fixture *f)
{
	struct fw_store_state s;

	fw_store_state(f->store, &s);
	return s.retries > 0;
}

static bool
is_taken_back(struct fixture *f)
{
	return *f->taken_back != '\0';
}

static bool
is_fenced(struct fixture *f)
{
	return f->fenced;
}

static bool
is_up_again(struct fixture *f)
{
	struct fw_store_state s;

	fw_store_state(f->store, &s);
	return f->up && s.connects == 2;
}

static void
kill_sessions(struct fixture *f)
{
	fixture_sql(f,
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'firewatch_test'");
}

/* Of what passes with time the batch is kept. */
static void
test_batch_is_kept(void **state)
{
	struct fixture *f = *state;
	struct fw_store_state s;

	fixture_sql(f, "REVOKE INSERT ON report FROM firewatch_daemon");
	fixture_add_report(f, fixture_device("d1"), 1, 1, FW_ACT_REPORT);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_retried);
	fixture_sql(f, "GRANT INSERT ON report TO firewatch_daemon");
	fixture_wait(f, fixture_is_committed);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "1");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM quarantined"), "0");
	fw_store_state(f->store, &s);
	assert_int_equal(s.connects, 1);
}

/* Bad rows first, last and in the middle, in every size of batch up to a few: each is found. */
static void
test_refused_reports_are_set_aside(void **state)
{
	struct fixture *f = *state;
	uint64_t sequence = 0, bad = 0;
	char wanted[64];
	struct fw_store_state s;

	fixture_sql(f, "ALTER TABLE report ADD CONSTRAINT never CHECK (device <> 'bad')");
	struct fw_device *good = fixture_device("good"), *refused = fixture_device("bad");
	for (unsigned size = 1; size <= 5; size++)
		for (unsigned which = 0; which < 1u << size; which++) {
			for (unsigned k = 0; k < size; k++) {
				bool is_bad = which >> k & 1;

				sequence++;
				bad += is_bad;
				fixture_add_report(
				    f, is_bad ? refused : good, sequence, sequence, FW_ACT_REPORT);
			}
			fixture_commit(f);
		}
	fixture_sql(f, "ALTER TABLE report DROP CONSTRAINT never");
	snprintf(wanted, sizeof(wanted), "%u:%u", (unsigned)(sequence - bad), (unsigned)bad);
	assert_string_equal(
	    fixture_value(f,
		"SELECT (SELECT count(*) FROM report WHERE device = 'good') || ':' || (SELECT count(*) "
		"FROM quarantined WHERE reason = 'refused' AND report_device = 'bad' AND detail ~ 'never')"),
	    wanted);
	assert_int_equal(f->items, sequence); /* each has its receipt */
	assert_int_equal(f->rejected, bad);
	fw_store_state(f->store, &s);
	assert_int_equal(s.set_aside, bad);
	assert_string_equal(
	    fixture_value(f,
		"SELECT topic || ' ' || encode(payload, 'hex') || ' ' || boot_id || ' ' || sequence "
		"FROM quarantined ORDER BY sequence LIMIT 1"),
	    "fire/v1/330100/bad/alarm 0a021001 4294967295 2");
}

/* What is not a report is kept as text; the page goes all the same. */
static void
test_refused_state_is_kept_as_text(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", a1[] = "a1", p1[] = "p1", p2[] = "p2";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_alarm a = fixture_alarm(d, &i, a1);
	struct fw_page p = fixture_page(&i, p1), q = fixture_page(&i, p2);

	fixture_sql(f,
	    "ALTER TABLE alarm ADD CONSTRAINT never CHECK (alarm_id <> 'a1');"
	    "ALTER TABLE notification ADD CONSTRAINT never CHECK (notification_id <> 'p1')");
	fixture_add_report(f, d, 1, 1, FW_ACT_REPORT);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_ALARM, &a);
	fixture_add(f, FW_ACT_PAGE, &p);
	fixture_add(f, FW_ACT_PAGE, &q);
	fixture_commit(f);
	fixture_sql(f,
	    "ALTER TABLE alarm DROP CONSTRAINT never; ALTER TABLE notification DROP CONSTRAINT never");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "1");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM incident"), "1");
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(topic, ' ' ORDER BY topic) FROM quarantined"),
	    "firewatch/refused/alarm firewatch/refused/page");
	assert_string_equal(
	    fixture_value(f, "SELECT split_part(convert_from(payload, 'UTF8'), E'\\t', 1) "
			     "FROM quarantined WHERE topic ~ 'alarm'"),
	    "a1");
	assert_int_equal(f->claimed_count, 2);
}

/* An incident without a row has not been answered, a page without a row neither. */
static void
test_pages_without_their_rows_go_out(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1);

	fixture_sql(f, "ALTER TABLE incident ADD CONSTRAINT never CHECK (incident_id <> 'i1')");
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_PAGE, &p);
	fixture_commit(f);
	fixture_sql(f, "ALTER TABLE incident DROP CONSTRAINT never");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM incident"), "0");
	assert_int_equal(f->claimed_count, 1);
	p.attempts = 2;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 2);
	fixture_sql(f, "DELETE FROM notification");
	p.attempts = 3;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 3);
	assert_int_equal(f->refused_count, 0);
}

/* Sent unclaimed, and the claim of its second attempt comes with its first: the incident was
 * answered in between. */
static void
test_claim_without_a_row_goes_by_the_incident(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1);

	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_commit(f);
	fixture_sql(f, "SELECT acknowledge('i1', '王', '')");
	fixture_add(f, FW_ACT_PAGE, &p);
	p.attempts = 2;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 0);
	assert_int_equal(f->refused_count, 2);
}

/* The core decided from a report that the database knows: nothing of it is committed. */
static void
test_known_report_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1";
	struct fw_incident i = fixture_incident(d, i1);

	fixture_add_report(f, d, 7, 1, FW_ACT_REPORT);
	fixture_commit(f);
	fixture_add_report(f, d, 7, 2, FW_ACT_REPORT);
	fixture_add_report(f, d, 8, 3, FW_ACT_REPORT);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_taken_back);
	assert_string_equal(f->known, "d1~4294967295~7");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "1");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM incident"), "0");
	assert_false(fw_store_send(f->store));
}

static void
test_known_report_is_let_pass(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");

	fw_store_refuse_known(f->store, false);
	fixture_add_report(f, d, 7, 1, FW_ACT_REPORT);
	fixture_commit(f);
	fixture_add_report(f, d, 7, 2, FW_ACT_REPORT);
	fixture_add_report(f, d, 8, 3, FW_ACT_REPORT);
	fixture_commit(f);
	assert_int_equal(f->known_rows, 1);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "2");
}

/* Sent again after an outcome that was not heard of, its own reports are nothing that nobody knew.
 */
static void
commit_unheard(struct fixture *f, bool is_cut)
{
	struct fw_device *d = fixture_device("d1");

	fw_store_set_position(f->store, JOURNAL, 1);
	fixture_add_report(f, d, 1, 1, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, JOURNAL, 2);
	fixture_commit(f);
	fixture_add_report(f, d, 2, 2, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, JOURNAL, 3);
	assert_true(fw_store_send(f->store)); /* the loop does not run: the answer is not heard … */
	fixture_sql(f,
	    "INSERT INTO report SELECT received_day, device, boot_id, 2, division, lane, 2, report_index, received_at, "
	    "observed_at, clock_fault, backfill, mode, body FROM report; "
	    "UPDATE checkpoint SET batch = 2, position = 3"); /* … nor sent: as if it had been */
	if (is_cut)
		kill_sessions(f);
	fixture_wait(f, fixture_is_committed);
	assert_int_equal(f->committed, 2);
	assert_string_equal(f->taken_back, "");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "2");
}

static void
test_committed_unheard(void **state)
{
	commit_unheard(*state, true);
}

/* After the next connection was made. */
static void
test_committed_late(void **state)
{
	commit_unheard(*state, false);
}

static void
test_fenced(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "UPDATE lease SET fence = 2");
	fixture_add_report(f, fixture_device("d1"), 1, 1, FW_ACT_REPORT);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_fenced);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "0");
	assert_false(fw_store_send(f->store));
}

/* A standby that had not everything has become the primary. */
static void
test_database_that_is_behind(void **state)
{
	struct fixture *f = *state;

	fw_store_set_position(f->store, JOURNAL, 1);
	for (uint64_t k = 1; k <= 3; k++) {
		fixture_add_report(
		    f, k == 1 ? fixture_device("d1") : fixture_device_at(0), k, k, FW_ACT_REPORT);
		fw_store_set_checkpoint(f->store, JOURNAL, k + 1);
		fixture_commit(f);
	}
	fixture_sql(f,
	    "UPDATE checkpoint SET batch = 2, position = 3; DELETE FROM report WHERE sequence = 3");
	kill_sessions(f);
	fixture_wait(f, is_taken_back);
	assert_non_null(strstr(f->taken_back, "lost"));
}

static void
test_database_that_is_in_step(void **state)
{
	struct fixture *f = *state;

	fw_store_set_position(f->store, JOURNAL, 1);
	fixture_add_report(f, fixture_device("d1"), 1, 1, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, JOURNAL, 2);
	fixture_commit(f);
	kill_sessions(f);
	fixture_wait(f, is_up_again);
	fixture_add_report(f, fixture_device_at(0), 2, 2, FW_ACT_REPORT);
	fixture_commit(f);
	assert_string_equal(f->taken_back, "");
	assert_string_equal(
	    fixture_value(f, "SELECT batch || ':' || position FROM checkpoint"), "2:2");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_batch_is_kept),
	    TEST(test_refused_reports_are_set_aside),
	    TEST(test_refused_state_is_kept_as_text),
	    TEST(test_pages_without_their_rows_go_out),
	    TEST(test_claim_without_a_row_goes_by_the_incident),
	    TEST(test_known_report_is_taken_back),
	    TEST(test_known_report_is_let_pass),
	    TEST(test_committed_unheard),
	    TEST(test_committed_late),
	    TEST(test_fenced),
	    TEST(test_database_that_is_behind),
	    TEST(test_database_that_is_in_step),
	};

	return cmocka_run_group_tests_name("store_fault", tests, NULL, NULL);
}
