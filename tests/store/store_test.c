/* SPDX-License-Identifier: Apache-2.0 */
/* What the store writes, to a real PostgreSQL (tests/store/run): once, in order, and never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "store_fixture.h"

/* ---------------------------------------------------------------- reports */

static void
test_report(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("烟感");

	fixture_add_report(f, d, 1, 100, FW_ACT_REPORT);
	fixture_add_report(f, d, UINT64_MAX, 200, FW_ACT_REPORT);
	fixture_add_report(f, d, 1, 100, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, 9, 300);
	fixture_commit(f);
	assert_int_equal(f->items, 3);
	assert_string_equal(
	    fixture_value(
		f, "SELECT string_agg(seq(sequence)::text, ',' ORDER BY sequence) FROM report"),
	    "18446744073709551615,1");
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(point || quantity || value, ' ' ORDER BY point) FROM reading_history h "
		"JOIN report USING (device, received_at) WHERE seq(sequence) = 1 AND h.value < 0"),
	    "4294967295quantity_77-1e+300 4294967295quantity_77-1e+300");
	assert_string_equal(
	    fixture_value(f, "SELECT journal || ':' || position FROM checkpoint WHERE lane = 0"),
	    "9:300");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report_default"), "0");
	assert_false(fw_store_send(f->store));
}

/* A record that is replayed is no duplicate; the report in another record is one, once. */
static void
test_duplicate(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");

	fixture_add_report(f, d, 1, 100, FW_ACT_REPORT);
	fixture_add_report(f, d, 1, 100, FW_ACT_DUPLICATE);
	fixture_add_report(f, d, 1, 200, FW_ACT_DUPLICATE);
	fixture_commit(f);
	fixture_add_report(f, d, 1, 100, FW_ACT_DUPLICATE);
	fixture_add_report(f, d, 1, 200, FW_ACT_DUPLICATE);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(journal_position::text, ',') FROM duplicate"),
	    "200");
}

static bool
is_waiting_for_lock(struct fixture *f)
{
	return strcmp(fixture_value(f,
			  "SELECT count(*) FROM pg_stat_activity WHERE usename = 'firewatch_test' "
			  "AND wait_event_type = 'Lock'"),
		   "0") != 0;
}

static void
test_killed_in_flight(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	struct fw_store_state s;

	for (uint64_t k = 1; k <= 5000; k++)
		fixture_add_report(f, d, k, k, FW_ACT_REPORT);
	fixture_sql(f, "BEGIN; LOCK TABLE report IN EXCLUSIVE MODE");
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_waiting_for_lock);
	fixture_add_report(f, d, 5001, 5001, FW_ACT_REPORT);
	fixture_sql(f,
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'firewatch_test'; COMMIT");
	fixture_wait(f, fixture_is_committed);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT count(*) || ':' || count(DISTINCT sequence) FROM report"),
	    "5001:5001");
	fw_store_state(f->store, &s);
	assert_int_equal(s.connects, 2);
	assert_int_equal(s.retries, 1);
	assert_int_equal(s.rows, 5001);
}

/* ---------------------------------------------------------------- windows, hazards, outages */

static void
test_window_is_over_once(void **state)
{
	struct fixture *f = *state;
	struct fw_action over = {.type = FW_ACT_WINDOW};
	struct fw_window w = {.id = "w1", .division = "330100"}, gone = {.id = "no-such"};

	fixture_sql(f,
	    "INSERT INTO test_window (window_id, division, site, mode, declared_by, reason, starts_at, ends_at) "
	    "VALUES ('w1', '330100', 's', 'test', 'a', 'b', now(), now() + interval '1 hour')");
	over.u.window.window = &w;
	over.u.window.at_us = 1700000000 * FW_S;
	fw_store_add(f->store, &over);
	fixture_commit(f);
	over.u.window.at_us += FW_S; /* another instance says so too */
	fw_store_add(f->store, &over);
	over.u.window.window = &gone;
	fw_store_add(f->store, &over);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(window_id || extract(epoch FROM announced_at)::bigint, ' ') "
		"FROM test_window WHERE window_id = 'w1'"),
	    "w11700000000");
}

static void
test_hazard_is_raised_once(void **state)
{
	struct fixture *f = *state;
	struct fw_hazard h = {.id = "store-test~0~fault",
	    .division = "330100",
	    .site = "s",
	    .device = "store-test",
	    .class = "fault",
	    .kind = "lasting",
	    .person = "",
	    .reason = "r",
	    .alarm = "a1",
	    .found_at_us = 1700000000 * FW_S,
	    .deadline_at_us = 1700086400 * FW_S};

	fixture_add(f, FW_ACT_HAZARD, &h);
	fixture_commit(f);
	fixture_add(f, FW_ACT_HAZARD, &h); /* found again after a start */
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(kind, ' ') FROM hazard_log WHERE hazard_id = 'store-test~0~fault'"),
	    "raised");
	assert_string_equal(
	    fixture_value(f,
		"SELECT grade || state || extract(epoch FROM deadline_at - opened_at)::bigint FROM hazard_ledger "
		"WHERE hazard_id = 'store-test~0~fault'"),
	    "generalopen86400");
}

/* ---------------------------------------------------------------- incidents */

static void
test_last_row_counts(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", a1[] = "a1", a2[] = "a2";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_alarm a = fixture_alarm(d, &i, a1), b = fixture_alarm(d, &i, a2);
	struct fw_step s = {.incident = &i,
	    .trigger = 1,
	    .step = 1,
	    .role = fixture_role,
	    .channel = fixture_channel,
	    .due_at_us = 5};

	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_ALARM, &a);
	fixture_add(f, FW_ACT_STEP, &s);
	fixture_commit(f);
	a.restored_at_us = i.opened_at_us + FW_S;
	i.alarm_count = 2;
	fixture_add(f, FW_ACT_ALARM, &b);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	i.confirmed_at_us = i.opened_at_us;
	b.report_count = 7;
	s.state = FW_STEP_DONE;
	fixture_add(f, FW_ACT_ALARM, &b);
	fixture_add(f, FW_ACT_ALARM, &a);
	fixture_add(f, FW_ACT_STEP, &s);
	s.state = FW_STEP_QUEUED;
	s.role = fixture_person;
	fixture_add(f, FW_ACT_STEP, &s);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(alarm_id || state || confirmed || report_count, ' ' "
		"ORDER BY alarm_id) FROM alarm_history"),
	    "a1restoredtrue1 a2activetrue7");
	assert_string_equal(fixture_value(f, "SELECT alarm_count FROM incident_history"), "2");
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(role || state, ' ' ORDER BY role) FROM page_step"),
	    "guardiandone p1queued");
}

static void
test_timeline_order(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1";
	struct fw_incident i = fixture_incident(d, i1);
	const char *keys[] = {"z", "a", "m", "z"};

	fixture_add(f, FW_ACT_INCIDENT, &i);
	for (int k = 0; k < 4; k++) {
		const struct fw_timeline t = {.incident = &i,
		    .key = keys[k],
		    .at_us = 10 - k,
		    .kind = "step",
		    .actor = "firewatchd",
		    .detail = "\xff 厨房"};

		fixture_add(f, FW_ACT_TIMELINE, &t);
	}
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(key, '' ORDER BY entry) FROM timeline"), "zam");
}

static void
open_incident(struct fixture *f, struct fw_incident *i, struct fw_page *p)
{
	fixture_add(f, FW_ACT_INCIDENT, i);
	fixture_add(f, FW_ACT_PAGE, p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 1);
	assert_int_equal(f->refused_count, 0);
}

static void
test_page_life(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", error[] = "HTTP 503";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1);

	open_incident(f, &i, &p);
	assert_string_equal(
	    fixture_value(f, "SELECT state || attempts FROM notification_history"), "sent1");
	p.state = FW_PAGE_WAITING;
	p.error = error;
	fixture_add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT state || attempts || error FROM notification_history"),
	    "queued1HTTP 503");
	p.attempts = 2;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 2);
	p.state = FW_PAGE_DELIVERED;
	p.error = NULL;
	fixture_add(f, FW_ACT_RESULT, &p);
	fixture_add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT state || attempts || error FROM notification_history"),
	    "delivered2");
	fixture_add(f, FW_ACT_PAGE, &p);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 1);
}

/* Sent before the database was there: claim and outcome come in one batch, after the incident was
 * answered for. */
static void
test_unclaimed_page(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~", p3[] = "p3~";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1), q = fixture_page(&i, p2), r = fixture_page(&i, p3);

	open_incident(f, &i, &p);
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王', '')"), "t");
	fixture_add(f, FW_ACT_PAGE, &q);
	q.state = FW_PAGE_DELIVERED;
	fixture_add(f, FW_ACT_RESULT, &q);
	fixture_add(f, FW_ACT_PAGE, &r);
	r.state = FW_PAGE_WAITING;
	fixture_add(f, FW_ACT_RESULT, &r);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(
		f, "SELECT string_agg(state, ',' ORDER BY notification_id) FROM notification"),
	    "sent,delivered,cancelled");
}

static void
test_answered_pages_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~", p3[] = "p3~", p4[] = "p4~";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1), late = fixture_page(&i, p2),
		       forced = fixture_page(&i, p3), next;

	open_incident(f, &i, &p);
	p.state = FW_PAGE_WAITING;
	fixture_add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	fixture_sql(f, "SELECT acknowledge('i1', '王', '已到场')");
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "cancelled");
	p.attempts = 2;
	forced.force = true;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_add(f, FW_ACT_PAGE, &late);
	fixture_add(f, FW_ACT_PAGE, &forced);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 2);
	assert_int_equal(f->claimed_count, 2);
	assert_string_equal(f->claimed[1], "p3~");
	i.trigger_count = 2;
	next = fixture_page(&i, p4);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_PAGE, &next);
	fixture_commit(f);
	assert_string_equal(f->claimed[2], "p4~");
	assert_string_equal(
	    fixture_value(f, "SELECT state || acknowledged_by FROM incident_history"), "open王");
}

/* A page was with its channel while the incident was answered: a further attempt must not be made.
 */
static void
test_claim_after_answer(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1);

	open_incident(f, &i, &p);
	fixture_sql(f, "SELECT acknowledge('i1', '王', '')");
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "sent");
	p.attempts = 2;
	fixture_add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 1);
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "cancelled");
}

/* The batch waits for an acknowledgement that came first, and then sees it. */
static void
test_acknowledge_meets_batch(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1), q = fixture_page(&i, p2);
	struct fw_store_state s;

	open_incident(f, &i, &p);
	fixture_sql(f, "BEGIN; SELECT acknowledge('i1', '王', '')");
	fixture_add(f, FW_ACT_PAGE, &q);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_waiting_for_lock);
	fixture_sql(f, "COMMIT");
	fixture_wait(f, fixture_is_committed);
	assert_int_equal(f->refused_count, 1);
	fixture_wait(f, fixture_is_notified);
	assert_string_equal(f->notified[0], "firewatch_incident:i1");
	for (int round = 0; round < 40; round++) {
		i.trigger_count++;
		q.trigger = i.trigger_count;
		fixture_add(f, FW_ACT_RESULT, &p);
		fixture_add(f, FW_ACT_PAGE, &q);
		fixture_add(f, FW_ACT_INCIDENT, &i);
		assert_true(PQsendQuery(f->admin, "SELECT acknowledge('i1', '王', '')"));
		assert_true(fw_store_send(f->store));
		fixture_wait(f, fixture_is_committed);
		for (PGresult *r; (r = PQgetResult(f->admin)); PQclear(r))
			assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	}
	fw_store_state(f->store, &s);
	assert_int_equal(s.retries, 0);
}

/* ---------------------------------------------------------------- the functions, as an operator */

static void
test_functions(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~";
	struct fw_incident i = fixture_incident(d, i1);
	struct fw_page p = fixture_page(&i, p1), q = fixture_page(&i, p2);
	struct fw_step s = {.incident = &i,
	    .trigger = 1,
	    .step = 2,
	    .role = fixture_role,
	    .channel = fixture_channel,
	    .due_at_us = FW_NEVER};

	fixture_add(f, FW_ACT_STEP, &s);
	open_incident(f, &i, &p);
	p.state = q.state = FW_PAGE_WAITING;
	q.force = true;
	fixture_add(f, FW_ACT_RESULT, &p);
	fixture_add(f, FW_ACT_RESULT, &q);
	fixture_commit(f);
	fixture_sql(f, "SET ROLE firewatch_test_operator");
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王')"), "t");
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王')"), "f");
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(state, ',' ORDER BY notification_id) FROM notification_history"),
	    "cancelled,cancelled,queued");
	assert_string_equal(
	    fixture_value(f, "SELECT verify('i1', 'false_alarm', '王', '油烟')"), "t");
	assert_string_equal(
	    fixture_value(f, "SELECT count(*) FROM notification_history WHERE state = 'queued'"),
	    "0");
	assert_string_equal(fixture_value(f, "SELECT close_incident('i1', '王')"), "t");
	assert_string_equal(fixture_value(f, "SELECT close_incident('i1', '王')"), "f");
	assert_string_equal(
	    fixture_value(f, "SELECT state || verdict FROM incident_history"), "closedfalse_alarm");
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(kind, ',' ORDER BY entry) FROM incident_timeline"),
	    "acknowledged,verified,closed");
	fixture_sql(f, "RESET ROLE");
}

static void
refused(struct fixture *f, const char *sql, const char *sqlstate)
{
	PGresult *r = PQexec(f->admin, sql);

	if (PQresultStatus(r) != PGRES_FATAL_ERROR)
		fail_msg("%s is allowed", sql);
	assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), sqlstate);
	PQclear(r);
}

static void
test_privileges(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "SET ROLE firewatch_test");
	refused(f, "UPDATE incident SET acknowledged_trigger = 1", "42501");
	refused(f, "DELETE FROM report", "42501");
	refused(f, "SELECT acknowledge('i1', 'x')", "42501");
	refused(f, "UPDATE policy SET step = 1", "42501");
	fixture_sql(f, "SET ROLE firewatch_test_operator");
	refused(f, "SELECT FROM incident", "42501");
	refused(f, "UPDATE notification SET state = 'cancelled'", "42501");
	refused(f, "SELECT cancel_queued('i1', true)", "42501");
	refused(f, "SELECT acknowledge('nowhere', 'x')", "P0002");
	refused(f, "SELECT acknowledge('nowhere', ' ')", "P0002");
	fixture_sql(f, "RESET ROLE");
}

/* ---------------------------------------------------------------- rate */

static void
measure(struct fixture *f, unsigned batch)
{
	int64_t took_us = 0;
	struct fw_store_state s;

	for (unsigned round = 0; round < 100000 / batch; round++) {
		for (unsigned k = 0; k < batch; k++)
			fixture_add_report(
			    f, fixture_device_at(k % 200), round * batch + k + 1, k, FW_ACT_REPORT);
		fixture_commit(f);
		fw_store_state(f->store, &s);
		took_us += s.last_commit_took_us;
	}
	print_message("batches of %u: %.0f rows/s\n", batch, 100000.0 * 1e6 / (double)took_us);
}

static void
test_rate(void **state)
{
	struct fixture *f = *state;
	char id[32];

	for (unsigned k = 0; k < 200; k++) {
		snprintf(id, sizeof(id), "bench-%u", k);
		fixture_device(id);
	}
	measure(f, 1000);
	fixture_sql(f, "TRUNCATE report");
	measure(f, 10000);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest rate[] = {
	    cmocka_unit_test_setup_teardown(test_rate, fixture_set_up, fixture_tear_down)};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_report, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_duplicate, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_killed_in_flight, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_window_is_over_once, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_hazard_is_raised_once, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_last_row_counts, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_timeline_order, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_page_life, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_unclaimed_page, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_answered_pages_are_refused, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_claim_after_answer, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_acknowledge_meets_batch, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_functions, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_privileges, fixture_set_up, fixture_tear_down),
	};

	if (argc > 1 && strcmp(argv[1], "rate") == 0)
		return cmocka_run_group_tests_name("store_rate", rate, NULL, NULL);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
