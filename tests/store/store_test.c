/* SPDX-License-Identifier: Apache-2.0 */
/* The store against a real PostgreSQL (tests/store/run): once, in order, and never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"
#include "io/store_read.h"
#include "io/town_read.h"
#include "store_fixture.h"

static const char *
dsn(void)
{
	return getenv("FIREWATCH_TEST_DSN");
}

static int
set_up(void **state)
{
	struct fixture *f = fw_calloc(1, sizeof(*f));

	fixture_open(f, dsn(), FW_LANE_ALARM);
	*state = f;
	fixture_wait(f, fixture_is_up);
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f, "TRUNCATE report, duplicate, quarantined, sequence_ledger, device_status, incident, alarm, page_step, "
		       "notification, timeline, checkpoint, ledger_mark, policy, duty, person, device, site, division");
	fixture_close(f);
	free(f);
	return 0;
}

static void
add(struct fixture *f, enum fw_action_type type, const void *what)
{
	struct fw_action action = {.type = type, .u.alarm = what};

	fw_store_add(f->store, &action);
}

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
	assert_string_equal(fixture_value(f, "SELECT string_agg(seq(sequence)::text, ',' ORDER BY sequence) FROM report"),
	    "18446744073709551615,1");
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(point || quantity || value, ' ' ORDER BY point) FROM reading_history h "
			     "JOIN report USING (device, received_at) WHERE seq(sequence) = 1 AND h.value < 0"),
	    "4294967295quantity_77-1e+300 4294967295quantity_77-1e+300");
	assert_string_equal(fixture_value(f, "SELECT journal || ':' || position FROM checkpoint WHERE lane = 0"), "9:300");
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
	assert_string_equal(fixture_value(f, "SELECT string_agg(journal_position::text, ',') FROM duplicate"), "200");
}

static bool
is_waiting_for_lock(struct fixture *f)
{
	return strcmp(fixture_value(f, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'firewatch_test' "
				       "AND wait_event_type = 'Lock'"), "0") != 0;
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
	fixture_sql(f, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'firewatch_test'; COMMIT");
	fixture_wait(f, fixture_is_committed);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT count(*) || ':' || count(DISTINCT sequence) FROM report"), "5001:5001");
	fw_store_state(f->store, &s);
	assert_int_equal(s.connects, 2);
	assert_int_equal(s.retries, 1);
	assert_int_equal(s.rows, 5001);
}

static bool
is_retried(struct fixture *f)
{
	struct fw_store_state s;

	fw_store_state(f->store, &s);
	return s.retries >= 3;
}

static void
test_refused_batch_is_kept(void **state)
{
	struct fixture *f = *state;
	struct fw_store_state s;

	fixture_sql(f, "ALTER TABLE report ADD CONSTRAINT never CHECK (device <> 'd1')");
	fixture_add_report(f, fixture_device("d1"), 1, 1, FW_ACT_REPORT);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_retried);
	fixture_sql(f, "ALTER TABLE report DROP CONSTRAINT never");
	fixture_wait(f, fixture_is_committed);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM report"), "1");
	fw_store_state(f->store, &s);
	assert_int_equal(s.connects, 1);
}

/* ---------------------------------------------------------------- incidents */

static char channel[] = "webhook", role[] = "guardian", person[] = "p1", empty[] = "";

static struct fw_incident
make_incident(struct fw_device *d, char *id)
{
	static char division[] = "330100";

	return (struct fw_incident) {.id = id, .division = division, .site = empty, .device = d->id, .class = FW_CLASS_FIRE,
	    .opened_at_us = 1700000000 * FW_S, .trigger_count = 1, .alarm_count = 1, .protection_level = "normal"};
}

static struct fw_alarm
make_alarm(struct fw_device *d, struct fw_incident *i, char *id)
{
	return (struct fw_alarm) {.id = id, .device = d, .incident = i, .point = 4294967295u, .class = FW_CLASS_FIRE,
	    .conditions = 2, .system_type = 4294967295u, .observed_at_us = 1, .received_at_us = i->opened_at_us,
	    .last_seen_us = i->opened_at_us, .report_count = 1, .zone = empty, .reason = empty, .text = empty};
}

static struct fw_page
make_page(struct fw_incident *i, char *id)
{
	return (struct fw_page) {.incident = i, .id = id, .trigger = i->trigger_count, .step = 1, .role = role,
	    .person = person, .person_name = person, .channel = channel, .target = empty, .attempts = 1,
	    .due_at_us = i->opened_at_us, .sent_at_us = i->opened_at_us};
}

static void
test_last_row_counts(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", a1[] = "a1", a2[] = "a2";
	struct fw_incident i = make_incident(d, i1);
	struct fw_alarm a = make_alarm(d, &i, a1), b = make_alarm(d, &i, a2);
	struct fw_step s = {.incident = &i, .trigger = 1, .step = 1, .role = role, .channel = channel, .due_at_us = 5};

	add(f, FW_ACT_INCIDENT, &i);
	add(f, FW_ACT_ALARM, &a);
	add(f, FW_ACT_STEP, &s);
	fixture_commit(f);
	a.restored_at_us = i.opened_at_us + FW_S;
	i.alarm_count = 2;
	add(f, FW_ACT_ALARM, &b);
	add(f, FW_ACT_INCIDENT, &i);
	i.confirmed_at_us = i.opened_at_us;
	b.report_count = 7;
	s.state = FW_STEP_DONE;
	add(f, FW_ACT_ALARM, &b);
	add(f, FW_ACT_ALARM, &a);
	add(f, FW_ACT_STEP, &s);
	s.state = FW_STEP_QUEUED;
	s.role = person;
	add(f, FW_ACT_STEP, &s);
	add(f, FW_ACT_INCIDENT, &i);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT string_agg(alarm_id || state || confirmed || report_count, ' ' "
					     "ORDER BY alarm_id) FROM alarm_history"), "a1restoredtrue1 a2activetrue7");
	assert_string_equal(fixture_value(f, "SELECT alarm_count FROM incident_history"), "2");
	assert_string_equal(fixture_value(f, "SELECT string_agg(role || state, ' ' ORDER BY role) FROM page_step"),
	    "guardiandone p1queued");
}

static void
test_timeline_order(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1";
	struct fw_incident i = make_incident(d, i1);
	const char *keys[] = {"z", "a", "m", "z"};

	add(f, FW_ACT_INCIDENT, &i);
	for (int k = 0; k < 4; k++) {
		const struct fw_timeline t = {.incident = &i, .key = keys[k], .at_us = 10 - k, .kind = "step",
		    .actor = "firewatchd", .detail = "\xff 厨房"};

		add(f, FW_ACT_TIMELINE, &t);
	}
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT string_agg(key, '' ORDER BY entry) FROM timeline"), "zam");
}

static void
open_incident(struct fixture *f, struct fw_incident *i, struct fw_page *p)
{
	add(f, FW_ACT_INCIDENT, i);
	add(f, FW_ACT_PAGE, p);
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
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1);

	open_incident(f, &i, &p);
	assert_string_equal(fixture_value(f, "SELECT state || attempts FROM notification_history"), "sent1");
	p.state = FW_PAGE_WAITING;
	p.error = error;
	add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT state || attempts || error FROM notification_history"), "queued1HTTP 503");
	p.attempts = 2;
	add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->claimed_count, 2);
	p.state = FW_PAGE_DELIVERED;
	p.error = NULL;
	add(f, FW_ACT_RESULT, &p);
	add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT state || attempts || error FROM notification_history"), "delivered2");
	add(f, FW_ACT_PAGE, &p);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 1);
}

/* Sent before the database was there: claim and outcome come in one batch, after the incident was answered for. */
static void
test_unclaimed_page(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~", p3[] = "p3~";
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1), q = make_page(&i, p2), r = make_page(&i, p3);

	open_incident(f, &i, &p);
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王', '')"), "t");
	add(f, FW_ACT_PAGE, &q);
	q.state = FW_PAGE_DELIVERED;
	add(f, FW_ACT_RESULT, &q);
	add(f, FW_ACT_PAGE, &r);
	r.state = FW_PAGE_WAITING;
	add(f, FW_ACT_RESULT, &r);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(state, ',' ORDER BY notification_id) FROM notification"),
	    "sent,delivered,cancelled");
}

static void
test_answered_pages_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~", p3[] = "p3~", p4[] = "p4~";
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1), late = make_page(&i, p2), forced = make_page(&i, p3), next;

	open_incident(f, &i, &p);
	p.state = FW_PAGE_WAITING;
	add(f, FW_ACT_RESULT, &p);
	fixture_commit(f);
	fixture_sql(f, "SELECT acknowledge('i1', '王', '已到场')");
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "cancelled");
	p.attempts = 2;
	forced.force = true;
	add(f, FW_ACT_CLAIM, &p);
	add(f, FW_ACT_PAGE, &late);
	add(f, FW_ACT_PAGE, &forced);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 2);
	assert_int_equal(f->claimed_count, 2);
	assert_string_equal(f->claimed[1], "p3~");
	i.trigger_count = 2;
	next = make_page(&i, p4);
	add(f, FW_ACT_INCIDENT, &i);
	add(f, FW_ACT_PAGE, &next);
	fixture_commit(f);
	assert_string_equal(f->claimed[2], "p4~");
	assert_string_equal(fixture_value(f, "SELECT state || acknowledged_by FROM incident_history"), "open王");
}

/* A page was with its channel while the incident was answered: a further attempt must not be made. */
static void
test_claim_after_answer(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~";
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1);

	open_incident(f, &i, &p);
	fixture_sql(f, "SELECT acknowledge('i1', '王', '')");
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "sent");
	p.attempts = 2;
	add(f, FW_ACT_CLAIM, &p);
	fixture_commit(f);
	assert_int_equal(f->refused_count, 1);
	assert_string_equal(fixture_value(f, "SELECT state FROM notification"), "cancelled");
}

static bool
is_notified(struct fixture *f)
{
	return f->notified_count > 0;
}

/* The batch waits for an acknowledgement that came first, and then sees it. */
static void
test_acknowledge_meets_batch(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", p1[] = "p1~", p2[] = "p2~";
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1), q = make_page(&i, p2);
	struct fw_store_state s;

	open_incident(f, &i, &p);
	fixture_sql(f, "BEGIN; SELECT acknowledge('i1', '王', '')");
	add(f, FW_ACT_PAGE, &q);
	add(f, FW_ACT_INCIDENT, &i);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, is_waiting_for_lock);
	fixture_sql(f, "COMMIT");
	fixture_wait(f, fixture_is_committed);
	assert_int_equal(f->refused_count, 1);
	fixture_wait(f, is_notified);
	assert_string_equal(f->notified[0], "firewatch_incident:i1");
	for (int round = 0; round < 40; round++) {
		i.trigger_count++;
		q.trigger = i.trigger_count;
		add(f, FW_ACT_RESULT, &p);
		add(f, FW_ACT_PAGE, &q);
		add(f, FW_ACT_INCIDENT, &i);
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
	struct fw_incident i = make_incident(d, i1);
	struct fw_page p = make_page(&i, p1), q = make_page(&i, p2);
	struct fw_step s = {.incident = &i, .trigger = 1, .step = 2, .role = role, .channel = channel, .due_at_us = FW_NEVER};

	add(f, FW_ACT_STEP, &s);
	open_incident(f, &i, &p);
	p.state = q.state = FW_PAGE_WAITING;
	q.force = true;
	add(f, FW_ACT_RESULT, &p);
	add(f, FW_ACT_RESULT, &q);
	fixture_commit(f);
	fixture_sql(f, "SET ROLE firewatch_test_operator");
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王')"), "t");
	assert_string_equal(fixture_value(f, "SELECT acknowledge('i1', '王')"), "f");
	assert_string_equal(
	    fixture_value(f, "SELECT string_agg(state, ',' ORDER BY notification_id) FROM notification_history"),
	    "cancelled,cancelled,queued");
	assert_string_equal(fixture_value(f, "SELECT verify('i1', 'false_alarm', '王', '油烟')"), "t");
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM notification_history WHERE state = 'queued'"), "0");
	assert_string_equal(fixture_value(f, "SELECT close_incident('i1', '王')"), "t");
	assert_string_equal(fixture_value(f, "SELECT close_incident('i1', '王')"), "f");
	assert_string_equal(fixture_value(f, "SELECT state || verdict FROM incident_history"), "closedfalse_alarm");
	assert_string_equal(fixture_value(f, "SELECT string_agg(kind, ',' ORDER BY entry) FROM incident_timeline"),
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

/* ---------------------------------------------------------------- quarantine, devices, town */

static char replayed_topic[64];
static int32_t replayed_index;
static bool reading_done;

static void
on_replay(const struct fw_message *m, void *context)
{
	(void) context;
	snprintf(replayed_topic, sizeof(replayed_topic), "%s %zu %s", m->topic, m->payload_len, m->replay_id);
	replayed_index = m->replay_index;
}

static void
on_read(const char *error, void *context)
{
	(void) context;
	assert_null(error);
	reading_done = true;
}

static bool
is_read(struct fixture *f)
{
	(void) f;
	return reading_done;
}

static void
test_quarantine(void **state)
{
	struct fixture *f = *state;
	const struct fw_message m = {.lane = FW_LANE_TELEMETRY, .journal = 7, .position = UINT64_MAX, .received_at_us = 1,
	    .topic = "fire/\xff\0/x", .topic_len = 9, .original_len = 5};
	const struct fw_quarantine q = {.message = &m, .index = -1, .device = "-", .reason = FW_REASON_NOT_PROTOBUF,
	    .detail = "x", .payload = (const uint8_t *) "\0\xff\1", .payload_len = 3};
	struct fw_action action = {.type = FW_ACT_REPLAYED};

	add(f, FW_ACT_QUARANTINE, &q);
	fixture_commit(f);
	add(f, FW_ACT_QUARANTINE, &q);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT topic || ' ' || encode(payload, 'hex') || reason FROM quarantine"),
	    "fire/?\?/x 00ff01not_protobuf");
	fixture_sql(f, "SELECT replay_quarantined(quarantine_id, '王') FROM quarantine");
	fixture_wait(f, is_notified);
	reading_done = false;
	fw_read_replays(fw_store_pg(f->store), on_replay, on_read, NULL);
	fixture_wait(f, is_read);
	assert_string_equal(replayed_topic, "fire/?\?/x 3 telemetry-7-18446744073709551615--1");
	assert_int_equal(replayed_index, -1);
	action.u.replayed.quarantine_id = "telemetry-7-18446744073709551615--1";
	action.u.replayed.outcome = "recorded";
	fw_store_add(f->store, &action);
	action.u.replayed.outcome = "duplicate";
	fw_store_add(f->store, &action);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT replay_outcome FROM quarantine WHERE replayed_at IS NOT NULL"), "recorded");
}

static void
test_devices(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");

	d->seen = d->has_health = d->mains_ok = true;
	d->signal_dbm = -90;
	d->mode = 70000;
	snprintf(d->firmware, sizeof(d->firmware), "1.2");
	add(f, FW_ACT_REGISTER, d);
	add(f, FW_ACT_REGISTER, d);
	add(f, FW_ACT_STATUS, d);
	fixture_commit(f);
	d->has_health = false;
	add(f, FW_ACT_STATUS, d);
	add(f, FW_ACT_STATUS, d);
	fixture_commit(f);
	assert_string_equal(fixture_value(f, "SELECT registration || mode || coalesce(battery_percent, -1) || signal_dbm "
					     "|| mains_ok || firmware FROM device_state"), "unclaimed70000-1-90true1.2");
	assert_int_equal(f->notified_count, 0);
	fixture_sql(f, "INSERT INTO division VALUES ('330100', NULL, '镇', 'town')");
	fixture_wait(f, is_notified);
	assert_string_equal(f->notified[0], "firewatch_town:division");
}

static struct fw_town *town;

static void
on_town(struct fw_town *t, const char *error, void *context)
{
	(void) context;
	assert_null(error);
	town = t;
	reading_done = true;
}

static void
read_town(struct fixture *f)
{
	fixture_sql(f, "INSERT INTO division VALUES ('330100', NULL, '镇', 'town'), ('330100001', '330100', '村', 'village');"
		       "INSERT INTO site VALUES ('s1', '敬老院', '330100001', 'nursing_home');"
		       "INSERT INTO person VALUES ('p1', '王', '', '', 'https://x/');"
		       "INSERT INTO duty VALUES ('330100', '', 'guardian', 'p1', '2020-01-01');"
		       "INSERT INTO policy VALUES ('fire', '', '', 1, 30, 'guardian', 'webhook');"
		       "INSERT INTO device (device, site, division) VALUES ('d1', 's1', '330100001')");
	reading_done = false;
	fw_read_town(fw_store_pg(f->store), 1, on_town, NULL);
	fixture_wait(f, is_read);
}

static void
test_town(void **state)
{
	const struct fw_person *people[4];
	const struct fw_policy *policies[4];
	const struct fw_division *where;
	const struct fw_registration *r;

	read_town(*state);
	r = fw_town_device(town, "d1", 2);
	assert_non_null(r);
	assert_string_equal(r->site->name, "敬老院");
	assert_int_equal(fw_town_on_duty(town, "s1", r->site->division, "guardian", INT64_MAX - 1, people, 4, &where), 1);
	assert_string_equal(people[0]->webhook, "https://x/");
	assert_int_equal(fw_town_policy(town, FW_CLASS_FIRE, "nursing_home", "normal", policies, 4), 1);
	assert_int_equal(policies[0]->after_us, 30 * FW_S);
	fw_town_free(town);
}

/* ---------------------------------------------------------------- the state of an earlier run */

static struct fw_checkpoint checkpoints[FW_LANES];

static void
on_state(const struct fw_checkpoint found[FW_LANES], const char *error, void *context)
{
	(void) context;
	assert_null(error);
	memcpy(checkpoints, found, sizeof(checkpoints));
	reading_done = true;
}

/* An Uplink of one report of boot 4294967295. */
static uint64_t
duplicates_after(struct fw_core *core, uint8_t sequence)
{
	const uint8_t payload[] = {0x0a, 8, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x18, sequence};
	const char *topic = "fire/v1/330100/d1/telemetry";
	const struct fw_message m = {.lane = FW_LANE_TELEMETRY, .journal = 1, .position = 1, .received_at_us = 1700000000 * FW_S,
	    .topic = topic, .topic_len = strlen(topic), .payload = payload, .payload_len = sizeof(payload),
	    .original_len = sizeof(payload)};
	struct fw_core_counters c;

	fw_core_message(core, &m, m.received_at_us);
	fw_core_counters(core, &c);
	assert_int_equal(c.quarantined[FW_LANE_TELEMETRY], 0);
	return c.duplicates[FW_LANE_TELEMETRY];
}

static void
write_earlier_run(struct fixture *f)
{
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", i2[] = "i2", a1[] = "a1", p1[] = "p1~";
	struct fw_incident i = make_incident(d, i1), closed = make_incident(d, i2);
	struct fw_alarm a = make_alarm(d, &i, a1);
	struct fw_page p = make_page(&i, p1);
	struct fw_step s = {.incident = &i, .trigger = 1, .step = 2, .role = role, .channel = channel, .due_at_us = FW_NEVER / 2};
	struct fw_boot boot = {.boot_id = 4294967295u};
	struct fw_action ledger = {.type = FW_ACT_LEDGER, .u.ledger = {.device = d, .boot = &boot}};

	for (uint64_t k = 1; k <= 9; k += 2)
		fw_seqset_add(&boot.recorded, k, 5);
	fw_store_add(f->store, &ledger);
	add(f, FW_ACT_LEDGER_MARK, NULL);
	fw_store_set_ledger_mark(f->store, fw_loop_now_us(f->loop) / FW_DAY * FW_DAY);
	add(f, FW_ACT_INCIDENT, &i);
	add(f, FW_ACT_INCIDENT, &closed);
	add(f, FW_ACT_ALARM, &a);
	add(f, FW_ACT_STEP, &s);
	add(f, FW_ACT_PAGE, &p);
	fixture_add_report(f, d, 4, 100, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, UINT64_MAX, 300);
	fixture_commit(f);
	fw_seqset_fini(&boot.recorded);
}

static void
test_state(void **state)
{
	struct fixture *f = *state;
	const struct fw_rules rules = {.clock_ahead_us = FW_MIN, .clock_behind_us = FW_DAY, .attempts = 5, .retry_us = FW_S,
	    .retry_max_us = FW_MIN, .uncommitted_us = FW_S, .confirm_within_us = FW_MIN, .realarm_after_us = FW_MIN};
	struct fw_core *core = fw_core_new(&rules, 1);
	struct fw_core_counters c;

	write_earlier_run(f);
	assert_string_equal(fixture_value(f, "SELECT string_agg(first_missing || '-' || last_missing || missing || "
					     "extract(epoch FROM opened_at), ' ' ORDER BY first_missing) FROM sequence_gap"),
	    "2-210.000005 4-410.000005 6-610.000005 8-810.000005");
	fixture_sql(f, "SELECT verify('i2', 'test', 'x'), close_incident('i2', 'x')");
	fw_core_set_town(core, fw_town_new(1));
	reading_done = false;
	fw_read_state(fw_store_pg(f->store), "test", core, fw_loop_now_us(f->loop), on_state, NULL);
	fixture_wait(f, is_read);
	fw_core_counters(core, &c);
	assert_int_equal(c.incidents, 1);
	assert_int_equal(c.pages_pending, 1);
	assert_true(checkpoints[FW_LANE_ALARM].found && checkpoints[FW_LANE_ALARM].journal == UINT64_MAX);
	assert_false(checkpoints[FW_LANE_TELEMETRY].found);
	assert_int_equal(duplicates_after(core, 2), 0);
	assert_int_equal(duplicates_after(core, 3), 1);
	assert_int_equal(duplicates_after(core, 4), 2);
	assert_int_equal(duplicates_after(core, 6), 2);
	fw_core_free(core);
}

static uint32_t acts_seen;

static void
on_act(const struct fw_act *act, void *context)
{
	(void) context;
	acts_seen += act->acknowledged_trigger + 10 * act->closed_trigger + (act->verdict == FW_VERDICT_TEST ? 100 : 0);
}

static void
test_acts(void **state)
{
	struct fixture *f = *state;

	write_earlier_run(f);
	fixture_sql(f, "SELECT verify('i2', 'test', 'x'), close_incident('i2', 'x'), acknowledge('i1', 'x')");
	acts_seen = 0;
	reading_done = false;
	fw_read_acts(fw_store_pg(f->store), NULL, on_act, on_read, NULL);
	fw_read_acts(fw_store_pg(f->store), "i1", on_act, on_read, NULL); /* dropped with the store, or answered */
	fixture_wait(f, is_read);
	assert_true(acts_seen >= 112);
	reading_done = false;
	fw_keep_partitions(fw_store_pg(f->store), 9, 400, on_read, NULL);
	fixture_wait(f, is_read);
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'report'::regclass"), "12");
}

/* ---------------------------------------------------------------- connecting */

static bool
is_told_why(struct fixture *f)
{
	return !f->up && strstr(f->why, "firewatchctl db migrate");
}

static void
on_lost(const char *error, void *context)
{
	(void) context;
	assert_non_null(error);
	reading_done = true;
}

static void
test_no_schema(void **state)
{
	struct fixture f;
	char where[512];

	(void) state;
	snprintf(where, sizeof(where), "%s dbname=postgres", dsn());
	fixture_open(&f, where, FW_LANE_TELEMETRY);
	fixture_wait(&f, is_told_why);
	assert_false(fw_store_send(f.store));
	fixture_close(&f);
	fixture_open(&f, "host=127.0.0.1 port=1", FW_LANE_TELEMETRY);
	reading_done = false;
	fw_read_acts(fw_store_pg(f.store), NULL, on_act, on_lost, NULL);
	fixture_wait(&f, is_read);
	assert_false(f.up);
	fixture_close(&f);
}

/* ---------------------------------------------------------------- rate */

static void
measure(struct fixture *f, unsigned batch)
{
	int64_t took_us = 0;
	struct fw_store_state s;

	for (unsigned round = 0; round < 100000 / batch; round++) {
		for (unsigned k = 0; k < batch; k++)
			fixture_add_report(f, fixture_device_at(k % 200), round * batch + k + 1, k, FW_ACT_REPORT);
		fixture_commit(f);
		fw_store_state(f->store, &s);
		took_us += s.last_commit_took_us;
	}
	print_message("batches of %u: %.0f rows/s\n", batch, 100000.0 * 1e6 / (double) took_us);
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
	const struct CMUnitTest rate[] = {cmocka_unit_test_setup_teardown(test_rate, set_up, tear_down)};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_report, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_duplicate, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_killed_in_flight, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_refused_batch_is_kept, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_last_row_counts, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_timeline_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_page_life, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unclaimed_page, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_answered_pages_are_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_claim_after_answer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_acknowledge_meets_batch, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_functions, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_privileges, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_quarantine, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_devices, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_town, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_state, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_acts, set_up, tear_down),
	    cmocka_unit_test(test_no_schema),
	};

	if (argc > 1 && strcmp(argv[1], "rate") == 0)
		return cmocka_run_group_tests_name("store_rate", rate, NULL, NULL);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
