/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon reads from a real PostgreSQL (tests/store/run), and hears from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "io/store_read.h"
#include "io/store_sql.h"
#include "io/town_read.h"
#include "store_fixture.h"

/* ---------------------------------------------------------------- quarantine, devices, town */

static char replayed_topic[64];
static int32_t replayed_index;
static bool reading_done;

static void
on_replay(const struct fw_message *m, void *context)
{
	(void)context;
	snprintf(replayed_topic, sizeof(replayed_topic), "%s %zu %s", m->topic, m->payload_len,
	    m->replay_id);
	replayed_index = m->replay_index;
}

static void
on_read(const char *error, void *context)
{
	(void)context;
	assert_null(error);
	reading_done = true;
}

static bool
is_read(struct fixture *f)
{
	(void)f;
	return reading_done;
}

static void
test_quarantine(void **state)
{
	struct fixture *f = *state;
	const struct fw_message m = {.lane = FW_LANE_TELEMETRY,
	    .journal = 7,
	    .position = UINT64_MAX,
	    .received_at_us = 1,
	    .topic = "fire/\xff\0/x",
	    .topic_len = 9,
	    .original_len = 5};
	const struct fw_quarantine q = {.message = &m,
	    .index = -1,
	    .device = "-",
	    .reason = FW_REASON_NOT_PROTOBUF,
	    .detail = "x",
	    .payload = (const uint8_t *)"\0\xff\1",
	    .payload_len = 3};
	struct fw_action action = {.type = FW_ACT_REPLAYED};

	fixture_add(f, FW_ACT_QUARANTINE, &q);
	fixture_commit(f);
	fixture_add(f, FW_ACT_QUARANTINE, &q);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(
		f, "SELECT topic || ' ' || encode(payload, 'hex') || reason FROM quarantine"),
	    "fire/?\?/x 00ff01not_protobuf");
	fixture_sql(f, "SELECT replay_quarantined(quarantine_id, '王') FROM quarantine");
	fixture_wait(f, fixture_is_notified);
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
	assert_string_equal(
	    fixture_value(f, "SELECT replay_outcome FROM quarantine WHERE replayed_at IS NOT NULL"),
	    "recorded");
}

static void
test_devices(void **state)
{
	struct fixture *f = *state;
	struct fw_device *d = fixture_device("d1");

	d->seen = d->has_health = d->mains_ok = true;
	d->signal_dbm = -90;
	d->mode = 70000;
	d->firmware = "1.2";
	fixture_add(f, FW_ACT_REGISTER, d);
	fixture_add(f, FW_ACT_REGISTER, d);
	fixture_add(f, FW_ACT_STATUS, d);
	fixture_commit(f);
	d->has_health = false;
	fixture_add(f, FW_ACT_STATUS, d);
	fixture_add(f, FW_ACT_STATUS, d);
	fixture_commit(f);
	assert_string_equal(
	    fixture_value(f,
		"SELECT registration || mode || coalesce(battery_percent, -1) || signal_dbm "
		"|| mains_ok || firmware || (SELECT topic_division FROM device_status) FROM device_state"),
	    "unclaimed70000-1-90true1.2330100");
	assert_int_equal(f->notified_count, 0);
	fixture_sql(f, "INSERT INTO division VALUES ('330100', NULL, '镇', 'town')");
	fixture_wait(f, fixture_is_notified);
	assert_string_equal(f->notified[0], "firewatch_town:division");
}

static struct fw_town *town;

static void
on_town(struct fw_town *t, const char *error, void *context)
{
	(void)context;
	assert_null(error);
	town = t;
	reading_done = true;
}

static void
read_town(struct fixture *f)
{
	fixture_sql(f,
	    "INSERT INTO division VALUES ('330100', NULL, '镇', 'town'), ('330100001', '330100', '村', 'village');"
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
	assert_int_equal(fw_town_on_duty(town, "s1", r->site->division, "guardian", INT64_MAX - 1,
			     people, 4, &where),
	    1);
	assert_string_equal(people[0]->webhook, "https://x/");
	assert_int_equal(
	    fw_town_policy(town, FW_CLASS_FIRE, "nursing_home", "normal", policies, 4), 1);
	assert_int_equal(policies[0]->after_us, 30 * FW_S);
	fw_town_free(town);
}

/* Each of the rules' tables is read; the standard rows come with the schema. */
static void
test_rules(void **state)
{
	struct fixture *f = *state;
	const struct fw_division *village;
	const struct fw_profile *p;

	fixture_sql(f,
	    "INSERT INTO device_kind (kind, name, heartbeat_s, missed, mains) VALUES ('lamp', '灯', 7, 2, true);"
	    "INSERT INTO threshold (quantity, kind, class, side, raise_at, clear_at, delay_s, window_s, reason) "
	    "VALUES ('count', 'lamp', 'fault', 'below', -3.5, 4, 5, 6, '少');"
	    "INSERT INTO threshold (quantity, site, class, side, reason) VALUES ('count', 's1', 'fault', 'below', '不看');"
	    "INSERT INTO classification (condition, component_type, kind, class, severity, reason) "
	    "VALUES ('FAULT', 91, 'lamp', 'supervisory', 'major', '泵');"
	    "INSERT INTO hazard_limit (class, kind, limit_s, grade, deadline_s, role) VALUES ('fault', 'lamp', 8, 'major', 9, 'r')");
	read_town(f);
	fixture_sql(f,
	    "UPDATE device SET kind = 'lamp', site = NULL;"
	    "INSERT INTO protection VALUES ('330100', 'highest', '2020-01-01', '2030-01-01', '庙会')");
	fw_town_free(town);
	reading_done = false;
	fw_read_town(fw_store_pg(f->store), 1, on_town, NULL);
	fixture_wait(f, is_read);
	p = fw_town_device(town, "d1", 2)->profile;
	assert_true(p->kind->heartbeat_s == 7 && p->kind->missed == 2 && p->kind->mains);
	assert_int_equal(p->threshold_count, 1);
	assert_true(p->thresholds[0]->below && p->thresholds[0]->raise == -3.5 &&
		    p->thresholds[0]->clear == 4 && p->thresholds[0]->who.town);
	assert_int_equal(p->thresholds[0]->delay_us, 5 * FW_S);
	assert_int_equal(p->thresholds[0]->window_us, 6 * FW_S);
	assert_int_equal(p->override_count, 1);
	assert_int_equal(p->overrides[0]->component_type, 91);
	assert_int_equal(p->overrides[0]->system_type, FW_ANY);
	assert_int_equal(p->overrides[0]->class, FW_CLASS_SUPERVISORY);
	assert_true(p->limits[0]->limit_us == 8 * FW_S && p->limits[0]->deadline_us == 9 * FW_S &&
		    p->limits[0]->major);
	village = fw_town_division(town, "330100001");
	assert_int_equal(
	    fw_town_level(town, village, INT64_C(1750000000) * FW_S), FW_LEVEL_HIGHEST);
	assert_int_equal(fw_town_level_rules(town, FW_LEVEL_HIGHEST)->timeout_percent, 50);
	assert_true(fw_town_level_rules(town, FW_LEVEL_HIGHEST)->pre_alarm_is_alarm);
	fw_town_free(town);
	fixture_sql(f,
	    "DELETE FROM device_kind WHERE kind = 'lamp'; DELETE FROM threshold WHERE origin = 'town';"
	    "DELETE FROM classification; DELETE FROM hazard_limit WHERE kind = 'lamp'");
}

/* A threshold may be of each quantity that there is, and of no other. */
static void
test_quantities_of_the_rules(void **state)
{
	struct fixture *f = *state;
	char names[1024] = "", sql[2048];

	for (int32_t q = FW_QUANTITY_UNSPECIFIED + 1; q < FW_QUANTITIES; q++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s'%s'",
		    *names ? ", " : "", fw_quantity_name(q));
	snprintf(sql, sizeof(sql),
	    "SELECT array_agg(name ORDER BY name) = (SELECT array_agg(name ORDER BY name) FROM unnest(ARRAY[%s]) AS name) "
	    "FROM (SELECT (regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''::text', 'g'))[1] AS name FROM pg_constraint "
	    "WHERE conrelid = 'threshold'::regclass AND conname = 'threshold_quantity_check') AS c",
	    names);
	assert_string_equal(fixture_value(f, sql), "t");
}

/* ---------------------------------------------------------------- the state of an earlier run */

static struct fw_checkpoint checkpoints[FW_LANES];

static void
on_state(const struct fw_checkpoint found[FW_LANES], const char *error, void *context)
{
	(void)context;
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
	const struct fw_message m = {.lane = FW_LANE_TELEMETRY,
	    .journal = 1,
	    .position = 1,
	    .received_at_us = 1700000000 * FW_S,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = payload,
	    .payload_len = sizeof(payload),
	    .original_len = sizeof(payload)};
	struct fw_core_counters c;

	fw_core_message(core, &m, m.received_at_us);
	fw_core_counters(core, &c);
	assert_int_equal(c.quarantined[FW_LANE_TELEMETRY], 0);
	return c.duplicates[FW_LANE_TELEMETRY];
}

static struct fw_watch_row
watch(const char *device, const char *state)
{
	return (struct fw_watch_row){.device = device,
	    .division = "330106",
	    .point = UINT32_MAX,
	    .quantity = FW_QUANTITY_RESIDUAL_CURRENT_MA,
	    .class = FW_CLASS_ELECTRICAL,
	    .state = state,
	    .name = "d1~1~1",
	    .value = 512.25,
	    .boot_id = UINT32_MAX,
	    .sequence = UINT64_MAX,
	    .at_us = FW_S,
	    .observed_at_us = 2 * FW_S,
	    .received_at_us = 3 * FW_S,
	    .due_at_us = 33 * FW_S};
}

static void
write_watches(struct fixture *f)
{
	static const char *const states[] = {"pending", "cleared", "pending"};
	struct fw_watch_row other = watch("d2", "pending");

	for (size_t k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
		struct fw_watch_row w = watch("d1", states[k]);

		fixture_add(f, FW_ACT_WATCH, &w);
	}
	fixture_add(f, FW_ACT_WATCH, &other);
	other.state = "raised";
	fixture_add(f, FW_ACT_WATCH, &other);
}

#define CALLED_AT_US (1700000060 * FW_S)

static void
write_earlier_run(struct fixture *f)
{
	struct fw_device *d = fixture_device("d1");
	char i1[] = "i1", i2[] = "i2", a1[] = "a1", p1[] = "p1~", graver[] = "graver";
	struct fw_incident i = fixture_incident(d, i1), closed = fixture_incident(d, i2);
	struct fw_alarm a = fixture_alarm(d, &i, a1);
	struct fw_page p = fixture_page(&i, p1);
	struct fw_step s = {.incident = &i,
	    .trigger = 1,
	    .step = 2,
	    .role = fixture_role,
	    .channel = fixture_channel,
	    .due_at_us = FW_NEVER / 2};
	struct fw_boot boot = {.boot_id = 4294967295u};
	struct fw_action ledger = {.type = FW_ACT_LEDGER, .u.ledger = {.device = d, .boot = &boot}};

	for (uint64_t k = 1; k <= 9; k += 2)
		fw_seqset_add(&boot.recorded, k, 5);
	i.called_at_us = CALLED_AT_US;
	a.severity = FW_SEVERITY_MINOR;
	fw_store_add(f->store, &ledger);
	fixture_add(f, FW_ACT_LEDGER_MARK, NULL);
	fw_store_set_ledger_mark(f->store, fw_loop_now_us(f->loop) % FW_DAY);
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_INCIDENT, &closed);
	fixture_add(f, FW_ACT_ALARM, &a);
	fixture_add(f, FW_ACT_STEP, &s);
	s.step = p.step;
	s.state = FW_STEP_DONE;
	s.site_only = true;
	fixture_add(f, FW_ACT_STEP, &s);
	fixture_add(f, FW_ACT_PAGE, &p);
	write_watches(f);
	fixture_add_report(f, d, 4, 100, FW_ACT_REPORT);
	fw_store_set_checkpoint(f->store, UINT64_MAX, 300);
	fixture_commit(f);
	i.called_at_us -= FW_S; /* as one that knows less writes it */
	a.severity = FW_SEVERITY_CRITICAL;
	a.rule = graver;
	fixture_add(f, FW_ACT_INCIDENT, &i);
	fixture_add(f, FW_ACT_ALARM, &a);
	fixture_commit(f);
	fw_seqset_fini(&boot.recorded);
}

/* The page that waits for its next attempt. */
static const struct fw_page *
page_due(struct fw_core *core, int64_t now_us)
{
	const struct fw_actions actions = fw_core_tick(core, now_us);

	for (size_t k = 0; k < actions.count; k++)
		if (actions.items[k].type == FW_ACT_CLAIM)
			return actions.items[k].u.page;
	return NULL;
}

static void
test_state(void **state)
{
	struct fixture *f = *state;
	const struct fw_rules rules = {.clock_ahead_us = FW_MIN,
	    .clock_behind_us = FW_DAY,
	    .attempts = 5,
	    .retry_us = FW_S,
	    .retry_max_us = FW_MIN,
	    .uncommitted_us = FW_S,
	    .confirm_within_us = FW_MIN,
	    .realarm_after_us = FW_MIN};
	struct fw_core *core = fw_core_new(&rules, 1);
	struct fw_town *empty = fw_town_new(1);
	struct fw_core_counters c;
	const struct fw_page *due;

	write_earlier_run(f);
	assert_string_equal(
	    fixture_value(f, "SELECT severity || rule FROM alarm"), "criticalgraver");
	assert_string_equal(
	    fixture_value(f,
		"SELECT string_agg(first_missing || '-' || last_missing || missing || "
		"extract(epoch FROM opened_at), ' ' ORDER BY first_missing) FROM sequence_gap"),
	    "2-210.000005 4-410.000005 6-610.000005 8-810.000005");
	fixture_sql(f, "SELECT verify('i2', 'test', 'x'), close_incident('i2', 'x')");
	fw_town_finish(empty);
	fw_core_set_town(core, empty);
	reading_done = false;
	fw_read_state(fw_store_pg(f->store), "test", (const uint64_t[]){UINT64_MAX, 1}, core,
	    fw_loop_now_us(f->loop), on_state, NULL);
	fixture_wait(f, is_read);
	fw_core_counters(core, &c);
	assert_int_equal(c.incidents, 1);
	assert_int_equal(c.pages_pending, 1);
	assert_int_equal(c.watches, 1);
	assert_string_equal(
	    fixture_value(f,
		"SELECT device || point || state || value || boot_id || seq(sequence) || "
		"extract(epoch FROM measured_at)::int || extract(epoch FROM due_at)::int FROM watch "
		"WHERE device = 'd1'"),
	    "d14294967295pending512.25429496729518446744073709551615133");
	assert_true(
	    checkpoints[FW_LANE_ALARM].found && checkpoints[FW_LANE_ALARM].journal == UINT64_MAX);
	assert_false(checkpoints[FW_LANE_TELEMETRY].found);
	assert_int_equal(duplicates_after(core, 2), 0);
	assert_int_equal(duplicates_after(core, 3), 1);
	assert_int_equal(duplicates_after(core, 4), 2);
	assert_int_equal(duplicates_after(core, 6), 2);
	due = page_due(core, fw_loop_now_us(f->loop));
	assert_true(due->site_only);
	assert_int_equal(due->incident->called_at_us, CALLED_AT_US);
	fw_core_free(core);
}

static uint32_t acts_seen;

static void
on_act(const struct fw_act *act, void *context)
{
	(void)context;
	acts_seen += act->acknowledged_trigger + 10 * act->closed_trigger +
		     (act->verdict == FW_VERDICT_TEST ? 100 : 0);
}

static void
test_acts(void **state)
{
	struct fixture *f = *state;

	write_earlier_run(f);
	fixture_sql(f,
	    "SELECT verify('i2', 'test', 'x'), close_incident('i2', 'x'), acknowledge('i1', 'x')");
	acts_seen = 0;
	reading_done = false;
	fw_read_acts(fw_store_pg(f->store), NULL, on_act, on_read, NULL);
	fw_read_acts(fw_store_pg(f->store), "i1", on_act, on_read,
	    NULL); /* dropped with the store, or answered */
	fixture_wait(f, is_read);
	assert_true(acts_seen >= 112);
	reading_done = false;
	fw_keep_partitions(fw_store_pg(f->store), 9, 400, on_read, NULL);
	fixture_wait(f, is_read);
	assert_string_equal(
	    fixture_value(
		f, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'report'::regclass"),
	    "12");
}

/* ---------------------------------------------------------------- how much is read */

static void
write_many_alarms(struct fixture *f)
{
	fixture_sql(f,
	    "INSERT INTO incident (incident_id, division, site, device, class, severity, opened_at, protection_level, "
	    "alarm_count, trigger_count, instance, merged_into) SELECT 'i' || n, '330100', '', 'd', 'fire', 'critical', "
	    "now() - n * interval '1 minute', 'normal', 1, 1, 'test', 'area' FROM generate_series(1, 20000) AS n; "
	    "INSERT INTO alarm (alarm_id, device, incident_id, division, site, zone, point, class, severity, conditions, "
	    "system_type, component_type, mode, backfill, observed_at, received_at, last_seen_at, report_count, restored_at, "
	    "raised_boot, raised_sequence, protection_level, reason, text) SELECT 'a' || n, 'd' || n % 1000, 'i' || n / 10, "
	    "'330100', '', '', n, CASE n % 3 WHEN 0 THEN 'fire' ELSE 'fault' END, 'critical', 2, 0, 0, 0, false, t, t, t, 1, "
	    "CASE WHEN n > 100 THEN t END, 1, 1, 'normal', '', '' "
	    "FROM generate_series(1, 200000) AS n, LATERAL (SELECT now() - n * interval '1 minute') AS m(t); "
	    "ANALYZE incident, alarm; CREATE FUNCTION pg_temp.plan(of text) RETURNS text LANGUAGE plpgsql AS "
	    "'DECLARE found json; BEGIN EXECUTE ''EXPLAIN (FORMAT JSON) EXECUTE '' || of INTO found; RETURN found; END'");
}

static const char *
plan(struct fixture *f, enum fw_sql statement, const char *call, const char *find)
{
	char sql[8192];

	snprintf(sql, sizeof(sql), "PREPARE %s AS %s", call, fw_sql_statements[statement].sql);
	fixture_sql(f, sql);
	snprintf(sql, sizeof(sql),
	    "SELECT (regexp_match(pg_temp.plan('%.*s' || CASE WHEN '%s' LIKE '%%(%%' THEN '(''test'')' "
	    "ELSE '' END), '%s'))[1]",
	    (int)strcspn(call, "("), call, call, find);
	return fixture_value(f, sql);
}

/* A start does not read every alarm that ever was, nor a reconnect what was merged long ago. */
static void
test_what_is_over_is_not_read(void **state)
{
	struct fixture *f = *state;

	write_many_alarms(f);
	assert_string_equal(plan(f, FW_SQL_READ_ALARMS, "alarms(text)", "BitmapOr"), "BitmapOr");
	acts_seen = 0;
	fixture_sql(f, "UPDATE incident SET acknowledged_trigger = 1");
	reading_done = false;
	fw_read_acts(fw_store_pg(f->store), NULL, on_act, on_read, NULL);
	fixture_wait(f, is_read);
	assert_int_equal(acts_seen, 0);
	assert_string_equal(plan(f, FW_SQL_READ_ACTS, "acts", "incident_incident_id_idx"),
	    "incident_incident_id_idx");
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
	(void)context;
	assert_non_null(error);
	reading_done = true;
}

static void
test_no_schema(void **state)
{
	struct fixture f;
	char where[512];

	(void)state;
	snprintf(where, sizeof(where), "%s dbname=postgres", getenv("FIREWATCH_TEST_DSN"));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_quarantine, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_devices, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_town, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_rules, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_state, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(test_acts, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_what_is_over_is_not_read, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test_setup_teardown(
		test_quantities_of_the_rules, fixture_set_up, fixture_tear_down),
	    cmocka_unit_test(test_no_schema),
	};

	return cmocka_run_group_tests_name("store_read", tests, NULL, NULL);
}
