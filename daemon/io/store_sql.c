/* SPDX-License-Identifier: Apache-2.0 */
/* Every SQL statement of the daemon; see store_sql.h. */
#include "io/store_sql.h"

#include "base/text.h"
#include "core/core.h"

/* The partition key of a row, from its receive time. */
#define DAY(time) "(" time " AT TIME ZONE 'UTC')::date"

/* An incident that this instance sees to. */
#define MINE "i.instance IN ($1, '')"

/* An incident `i` that people have not closed, and that is not part of another. */
#define NOT_CLOSED "(i.closed_trigger < i.trigger_count AND i.merged_into IS NULL)"

/* A page's incident `i` has no answer that covers the page's trigger. */
#define UNANSWERED(p)                                                       \
	"(i.acknowledged_trigger < " p ".trigger AND i.closed_trigger < " p \
	".trigger AND i.merged_into IS NULL)"

/* From when on reports may be missing from the ledger, by the clock of the database; ten minutes
 * more for what is hard to foresee. */
#define SINCE                                                                                           \
	"(SELECT coalesce((SELECT complete_before FROM ledger_mark WHERE instance = $1), '-infinity') " \
	"- interval '10 minutes') AS mark(t)"

const char *const fw_sql_columns[FW_SQL_BATCH] = {
    [FW_SQL_REPORT] = "t88t284mmbb4y44",
    [FW_SQL_DUPLICATE] = "t88t2884m",
    [FW_SQL_QUARANTINE] = "tt288mttty4t88",
    [FW_SQL_REPLAYED] = "tt",
    [FW_SQL_REGISTER] = "tt",
    [FW_SQL_LOCK] = "t",
    [FW_SQL_INCIDENT] = "ttttttmmt44tttmm",
    [FW_SQL_ALARM] = "tttttt8tt8884bmmm4m88ttttt2b88",
    [FW_SQL_STEP] = "tt44ttmbtb",
    [FW_SQL_PAGE] = "ttt44ttttbmm4",
    [FW_SQL_CLAIM] = "tt4mt4b",
    [FW_SQL_RESULT] = "ttt44ttttbmm4tt",
    [FW_SQL_TIMELINE] = "tttmttt",
    [FW_SQL_FLOOD] = "tmm44t",
    [FW_SQL_WINDOW] = "ttm",
    [FW_SQL_HAZARD] = "ttttttttttmm",
    [FW_SQL_WATCH] = "t8ttbbtttff884bbmmmmt",
    [FW_SQL_STATUS] = "tmm84b24btt",
    [FW_SQL_LEDGER] = "t8t8ttt",
    [FW_SQL_LEDGER_MARK] = "t8",
    [FW_SQL_OUTAGE] = "tmm",
    [FW_SQL_CHECKPOINT] = "t28888",
};

const char *const fw_sql_reading_columns = "f";

/* A report's readings are a slice of all; not sorted, which costs a quarter: two lanes hold the
   same report only where the ledger has forgotten it, and a deadlock over two of them is resolved
   by sending again. */
#define INSERT_REPORTS                                                                                                                            \
	"INSERT INTO report (received_day, device, boot_id, sequence, division, lane, journal_position, report_index, "                           \
	"received_at, observed_at, clock_fault, backfill, mode, body, reading) "                                                                  \
	"SELECT " DAY(                                                                                                                            \
	    "received_at") ", device, boot_id, sequence, division, lane, journal_position, report_index, "                                        \
			   "received_at, observed_at, clock_fault, backfill, mode, body, "                                                        \
			   "CASE WHEN length > 0 THEN ($16::double precision[])[first:first + length - 1] END "                                   \
			   "FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::smallint[], $6::bigint[], $7::integer[], "        \
			   "$8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::boolean[], $12::integer[], $13::bytea[], $14::integer[], " \
			   "$15::integer[]) AS r(device, boot_id, sequence, division, lane, journal_position, report_index, "                     \
			   "received_at, observed_at, clock_fault, backfill, mode, body, first, length) ON CONFLICT DO NOTHING"

const struct fw_pg_statement fw_sql_statements[FW_SQL_COUNT] = {
    [FW_SQL_REPORT] = {"report", INSERT_REPORTS},
    [FW_SQL_REPORT_NEW] = {"report_new",
	"WITH new AS (" INSERT_REPORTS " RETURNING true) "
	"SELECT expect_all((SELECT count(*) FROM new), cardinality($1::text[]))"},

    [FW_SQL_REPORT_COPY] = {"report_copy",
	"COPY report (received_day, device, boot_id, sequence, division, lane, journal_position, report_index, received_at, "
	"observed_at, clock_fault, backfill, mode, body, reading) FROM STDIN BINARY"},

    /* What was written from the same record of the journal is the record replayed, not the report
       sent again.  OFFSET 0 keeps the look-up by key: a join would read every report there is. */
    [FW_SQL_DUPLICATE] = {"duplicate",
	"INSERT INTO duplicate (received_day, device, boot_id, sequence, division, lane, journal, journal_position, "
	"report_index, received_at) "
	"SELECT " DAY(
	    "d.received_at") ", d.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], "
			     "$5::smallint[], $6::bigint[], $7::bigint[], $8::integer[], $9::timestamptz[]) "
			     "AS d(device, boot_id, sequence, division, lane, journal, journal_position, report_index, received_at) "
			     "WHERE NOT EXISTS (SELECT FROM report r WHERE r.received_day = " DAY(
				 "d.received_at") " AND r.device = d.device "
						  "AND r.boot_id = d.boot_id AND r.sequence = d.sequence AND r.lane = d.lane AND r.received_at = d.received_at "
						  "AND r.journal_position = d.journal_position AND r.report_index = d.report_index OFFSET 0) "
						  "ORDER BY d.device COLLATE \"C\", d.lane, d.journal, d.journal_position, d.report_index ON CONFLICT DO NOTHING"},

    [FW_SQL_QUARANTINE] = {"quarantine",
	"INSERT INTO quarantined (quarantine_id, device, lane, journal_position, original_bytes, received_at, topic, reason, "
	"detail, payload, report_index, report_device, boot_id, sequence) "
	"SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::timestamptz[], "
	"$7::text[], $8::text[], $9::text[], $10::bytea[], $11::integer[], $12::text[], $13::bigint[], $14::bigint[]) "
	"ON CONFLICT DO NOTHING"},

    /* Of a message of several reports the first outcome stands. */
    [FW_SQL_REPLAYED] = {"replayed",
	"UPDATE quarantined q SET replayed_at = clock_timestamp(), replay_outcome = r.outcome "
	"FROM (SELECT DISTINCT ON (id) id, outcome FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u(id, outcome, n) "
	"ORDER BY id, n) AS r WHERE q.quarantine_id = r.id AND q.replayed_at IS NULL"},

    /* Sorted by key, here and below, so that two writers cannot deadlock. */
    [FW_SQL_REGISTER] = {"register",
	"INSERT INTO device (device, division) SELECT DISTINCT ON (device COLLATE \"C\") device, division "
	"FROM unnest($1::text[], $2::text[]) AS d(device, division) ORDER BY device COLLATE \"C\" ON CONFLICT DO NOTHING"},

    [FW_SQL_LOCK] = {"lock",
	"SELECT FROM incident WHERE incident_id = ANY($1::text[]) ORDER BY incident_id FOR NO KEY UPDATE"},

    [FW_SQL_INCIDENT] = {"incident",
	"INSERT INTO incident (incident_id, division, site, device, class, severity, opened_at, confirmed_at, "
	"protection_level, alarm_count, trigger_count, instance, confidence, merged_into, merged_at, called_at) "
	"SELECT DISTINCT ON (incident_id, division) incident_id, division, site, device, class, severity, opened_at, "
	"confirmed_at, protection_level, alarm_count, trigger_count, instance, confidence, merged_into, merged_at, called_at "
	"FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], "
	"$8::timestamptz[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[], $14::text[], $15::timestamptz[], "
	"$16::timestamptz[]) WITH ORDINALITY AS i(incident_id, "
	"division, site, device, class, severity, opened_at, confirmed_at, protection_level, alarm_count, trigger_count, "
	"instance, confidence, merged_into, merged_at, called_at, n) "
	"ORDER BY incident_id, division, n DESC "
	"ON CONFLICT (incident_id, division) DO UPDATE SET class = EXCLUDED.class, severity = EXCLUDED.severity, "
	"confirmed_at = EXCLUDED.confirmed_at, confidence = EXCLUDED.confidence, alarm_count = greatest(incident.alarm_count, EXCLUDED.alarm_count), "
	"trigger_count = greatest(incident.trigger_count, EXCLUDED.trigger_count), "
	"called_at = greatest(incident.called_at, EXCLUDED.called_at), "
	"merged_into = coalesce(incident.merged_into, EXCLUDED.merged_into), "
	"merged_at = coalesce(incident.merged_at, EXCLUDED.merged_at)"},

    /* Restored ones first: the next alarm of the same point may be raised in the same batch
       (alarm_one_open). */
    [FW_SQL_ALARM] = {"alarm",
	"INSERT INTO alarm (alarm_id, device, incident_id, division, site, zone, point, class, severity, conditions, "
	"system_type, component_type, mode, backfill, observed_at, received_at, last_seen_at, report_count, restored_at, "
	"raised_boot, raised_sequence, protection_level, reason, text, rule, data, weight, was_reset, restored_boot, "
	"restored_sequence) "
	"SELECT alarm_id, device, incident_id, division, site, zone, point, class, severity, conditions, system_type, "
	"component_type, mode, backfill, observed_at, received_at, last_seen_at, report_count, restored_at, raised_boot, "
	"raised_sequence, protection_level, reason, text, rule, data, weight, was_reset, restored_boot, restored_sequence "
	"FROM (SELECT DISTINCT ON (alarm_id, device) * FROM "
	"unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], "
	"$9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::integer[], $14::boolean[], $15::timestamptz[], "
	"$16::timestamptz[], $17::timestamptz[], $18::integer[], $19::timestamptz[], $20::bigint[], $21::bigint[], "
	"$22::text[], $23::text[], $24::text[], $25::text[], $26::text[], $27::smallint[], $28::boolean[], $29::bigint[], "
	"$30::bigint[]) WITH ORDINALITY AS u(alarm_id, device, incident_id, division, site, zone, "
	"point, class, severity, conditions, system_type, component_type, mode, backfill, observed_at, received_at, "
	"last_seen_at, report_count, restored_at, raised_boot, raised_sequence, protection_level, reason, text, rule, data, "
	"weight, was_reset, restored_boot, restored_sequence, n) "
	"ORDER BY alarm_id, device, n DESC) AS a ORDER BY restored_at IS NULL, n "
	"ON CONFLICT (alarm_id, device) DO UPDATE SET incident_id = EXCLUDED.incident_id, division = EXCLUDED.division, "
	"site = EXCLUDED.site, severity = EXCLUDED.severity, conditions = EXCLUDED.conditions, data = EXCLUDED.data, "
	"last_seen_at = EXCLUDED.last_seen_at, report_count = EXCLUDED.report_count, restored_at = EXCLUDED.restored_at, "
	"raised_boot = EXCLUDED.raised_boot, raised_sequence = EXCLUDED.raised_sequence, reason = EXCLUDED.reason, "
	"rule = EXCLUDED.rule, text = EXCLUDED.text, weight = EXCLUDED.weight, was_reset = EXCLUDED.was_reset, "
	"restored_boot = EXCLUDED.restored_boot, restored_sequence = EXCLUDED.restored_sequence"},

    /* What an answer has cancelled stays so, unless the fire is done about all the same. */
    [FW_SQL_STEP] = {"step",
	"INSERT INTO page_step AS t (incident_id, division, trigger, step, role, channel, due_at, forced, state, site_only) "
	"SELECT DISTINCT ON (incident_id, trigger, step, role, channel, division) incident_id, division, trigger, step, "
	"role, channel, due_at, forced, state, site_only "
	"FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::timestamptz[], "
	"$8::boolean[], $9::text[], $10::boolean[]) WITH ORDINALITY AS s(incident_id, division, trigger, step, role, channel, "
	"due_at, forced, state, site_only, n) ORDER BY incident_id, trigger, step, role, channel, division, n DESC "
	"ON CONFLICT (incident_id, trigger, step, role, channel, division) DO UPDATE SET state = EXCLUDED.state, "
	"due_at = EXCLUDED.due_at, forced = EXCLUDED.forced, site_only = EXCLUDED.site_only WHERE t.state = 'queued' OR EXCLUDED.forced"},

    /* The row that claims a page is written unless the incident was answered; an incident without a
       row, set aside perhaps, was not.  A replay claims what has no outcome yet. */
    [FW_SQL_PAGE] = {"page",
	"INSERT INTO notification AS t (notification_id, incident_id, division, trigger, step, role, person, channel, "
	"target, forced, due_at, sent_at, attempts, state) "
	"SELECT DISTINCT ON (p.notification_id, p.division) p.notification_id, p.incident_id, p.division, p.trigger, p.step, "
	"p.role, p.person, p.channel, p.target, p.forced, p.due_at, p.sent_at, p.attempts, 'sent' "
	"FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], "
	"$9::text[], $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::integer[]) WITH ORDINALITY "
	"AS p(notification_id, incident_id, division, trigger, step, role, person, channel, target, forced, due_at, sent_at, "
	"attempts, n) LEFT JOIN incident i ON i.incident_id = p.incident_id AND i.division = p.division "
	"WHERE p.forced OR coalesce(" UNANSWERED(
	    "p") ", true) ORDER BY p.notification_id, p.division, p.n DESC "
		 "ON CONFLICT (notification_id, division) DO UPDATE SET state = 'sent', attempts = EXCLUDED.attempts, "
		 "sent_at = EXCLUDED.sent_at, forced = EXCLUDED.forced "
		 "WHERE t.state IN ('queued', 'sent') OR (t.state = 'cancelled' AND EXCLUDED.forced) "
		 "RETURNING t.notification_id, true"},

    /* "sent" may be claimed too: by this very claim before its commit was heard of, or before the
       daemon was started anew.  A page whose row is missing goes by its incident. */
    [FW_SQL_CLAIM] = {"claim",
	"WITH c AS (SELECT DISTINCT ON (u.id, u.division) u.id, u.division, u.attempts, u.sent_at, "
	"n.notification_id IS NULL AS missing, coalesce(coalesce(n.forced, u.forced) OR " UNANSWERED(
	    "u") ", true) AS allowed "
		 "FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[], $6::integer[], "
		 "$7::boolean[]) WITH ORDINALITY AS u(id, division, attempts, sent_at, incident_id, trigger, forced, n) "
		 "LEFT JOIN notification n ON n.notification_id = u.id AND n.division = u.division "
		 "LEFT JOIN incident i ON i.incident_id = u.incident_id AND i.division = u.division "
		 "ORDER BY u.id, u.division, u.n DESC), "
		 "claimed AS (UPDATE notification t SET attempts = c.attempts, sent_at = c.sent_at, "
		 "state = CASE WHEN c.allowed THEN 'sent' ELSE 'cancelled' END FROM c "
		 "WHERE t.notification_id = c.id AND t.division = c.division AND t.state IN ('queued', 'sent') "
		 "AND t.attempts <= c.attempts RETURNING t.notification_id, c.allowed) "
		 "SELECT notification_id, allowed FROM claimed UNION ALL SELECT id, allowed FROM c WHERE missing"},

    /* A page that waits for its next attempt is cancelled when the incident was answered while it
       was with its channel. */
    [FW_SQL_RESULT] = {"result",
	"INSERT INTO notification AS t (notification_id, incident_id, division, trigger, step, role, person, channel, "
	"target, forced, due_at, sent_at, attempts, state, error) "
	"SELECT DISTINCT ON (p.notification_id, p.division) p.notification_id, p.incident_id, p.division, p.trigger, p.step, "
	"p.role, p.person, p.channel, p.target, p.forced, p.due_at, p.sent_at, p.attempts, "
	"CASE WHEN p.state = 'queued' AND NOT p.forced AND NOT coalesce(" UNANSWERED(
	    "p") ", true) THEN 'cancelled' "
		 "ELSE p.state END, p.error "
		 "FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], "
		 "$9::text[], $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::integer[], $14::text[], $15::text[]) "
		 "WITH ORDINALITY AS p(notification_id, incident_id, division, trigger, step, role, person, channel, target, forced, "
		 "due_at, sent_at, attempts, state, error, n) "
		 "LEFT JOIN incident i ON i.incident_id = p.incident_id AND i.division = p.division "
		 "ORDER BY p.notification_id, p.division, p.n DESC "
		 "ON CONFLICT (notification_id, division) DO UPDATE SET due_at = EXCLUDED.due_at, sent_at = EXCLUDED.sent_at, "
		 "attempts = EXCLUDED.attempts, error = EXCLUDED.error, state = EXCLUDED.state "
		 "WHERE t.attempts <= EXCLUDED.attempts AND NOT (t.state = 'cancelled' AND EXCLUDED.state = 'queued')"},

    [FW_SQL_TIMELINE] = {"timeline",
	"INSERT INTO timeline (incident_id, division, key, at, kind, actor, detail) "
	"SELECT incident_id, division, key, at, kind, actor, detail FROM unnest($1::text[], $2::text[], $3::text[], "
	"$4::timestamptz[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY "
	"AS t(incident_id, division, key, at, kind, actor, detail, n) ORDER BY n ON CONFLICT DO NOTHING"},

    [FW_SQL_FLOOD] = {"flood",
	"INSERT INTO flood AS f (division, started_at, ended_at, peak_10min, alarms, instance) "
	"SELECT DISTINCT ON (division, started_at) division, started_at, ended_at, peak_10min, alarms, instance "
	"FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::integer[], $6::text[]) "
	"WITH ORDINALITY AS u(division, started_at, ended_at, peak_10min, alarms, instance, n) "
	"ORDER BY division, started_at, n DESC "
	"ON CONFLICT (division, started_at) DO UPDATE SET ended_at = EXCLUDED.ended_at, "
	"peak_10min = greatest(f.peak_10min, EXCLUDED.peak_10min), alarms = greatest(f.alarms, EXCLUDED.alarms)"},

    [FW_SQL_WINDOW] = {"window",
	"UPDATE test_window w SET announced_at = u.at FROM (SELECT DISTINCT ON (id, division) id, division, at "
	"FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS u(id, division, at) ORDER BY id, division, at) AS u "
	"WHERE w.window_id = u.id AND w.division = u.division AND w.announced_at IS NULL"},

    [FW_SQL_HAZARD] = {"hazard",
	"SELECT raise_hazards($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], "
	"$8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[])"},

    [FW_SQL_WATCH] = {"watch",
	"INSERT INTO watch (device, point, quantity, class, below, is_change, division, state, report, value, change, boot_id, "
	"sequence, mode, backfill, past, measured_at, observed_at, received_at, due_at, instance) "
	"SELECT DISTINCT ON (device COLLATE \"C\", point, quantity, class, below, is_change) device, point, quantity, class, "
	"below, is_change, division, state, report, value, change, boot_id, sequence, mode, backfill, past, measured_at, "
	"observed_at, received_at, due_at, instance "
	"FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::text[], $8::text[], "
	"$9::text[], $10::double precision[], $11::double precision[], $12::bigint[], $13::bigint[], $14::integer[], "
	"$15::boolean[], $16::boolean[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[], "
	"$21::text[]) WITH ORDINALITY AS w(device, point, quantity, class, below, is_change, division, state, report, value, "
	"change, boot_id, sequence, mode, backfill, past, measured_at, observed_at, received_at, due_at, instance, n) "
	"ORDER BY device COLLATE \"C\", point, quantity, class, below, is_change, n DESC "
	"ON CONFLICT (device, point, quantity, class, below, is_change) DO UPDATE SET division = EXCLUDED.division, "
	"state = EXCLUDED.state, report = EXCLUDED.report, value = EXCLUDED.value, change = EXCLUDED.change, "
	"boot_id = EXCLUDED.boot_id, sequence = EXCLUDED.sequence, mode = EXCLUDED.mode, backfill = EXCLUDED.backfill, "
	"past = EXCLUDED.past, measured_at = EXCLUDED.measured_at, observed_at = EXCLUDED.observed_at, "
	"received_at = EXCLUDED.received_at, due_at = EXCLUDED.due_at, instance = EXCLUDED.instance"},

    /* A report without health leaves what was known of it. */
    [FW_SQL_STATUS] = {"status",
	"INSERT INTO device_status AS t (device, last_seen_at, last_observed_at, boot_id, mode, clock_fault, battery_percent, "
	"signal_dbm, mains_ok, firmware, topic_division) "
	"SELECT DISTINCT ON (device COLLATE \"C\") device, last_seen_at, last_observed_at, boot_id, mode, clock_fault, "
	"battery_percent, signal_dbm, mains_ok, firmware, topic_division "
	"FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::integer[], $6::boolean[], "
	"$7::smallint[], $8::integer[], $9::boolean[], $10::text[], $11::text[]) WITH ORDINALITY AS s(device, last_seen_at, "
	"last_observed_at, boot_id, mode, clock_fault, battery_percent, signal_dbm, mains_ok, firmware, topic_division, n) "
	"ORDER BY device COLLATE \"C\", n DESC "
	"ON CONFLICT (device) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at, "
	"last_observed_at = EXCLUDED.last_observed_at, boot_id = EXCLUDED.boot_id, mode = EXCLUDED.mode, "
	"clock_fault = EXCLUDED.clock_fault, battery_percent = coalesce(EXCLUDED.battery_percent, t.battery_percent), "
	"signal_dbm = coalesce(EXCLUDED.signal_dbm, t.signal_dbm), mains_ok = coalesce(EXCLUDED.mains_ok, t.mains_ok), "
	"firmware = coalesce(EXCLUDED.firmware, t.firmware), "
	"topic_division = coalesce(nullif(EXCLUDED.topic_division, ''), t.topic_division)"},

    [FW_SQL_LEDGER] = {"ledger",
	"INSERT INTO sequence_ledger (device, boot_id, division, highest, gap_first, gap_last, gap_opened_us) "
	"SELECT DISTINCT ON (device COLLATE \"C\", boot_id) device, boot_id, division, highest, gap_first::bigint[], "
	"gap_last::bigint[], gap_opened_us::bigint[] "
	"FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY "
	"AS l(device, boot_id, division, highest, gap_first, gap_last, gap_opened_us, n) "
	"ORDER BY device COLLATE \"C\", boot_id, n DESC "
	"ON CONFLICT (device, boot_id) DO UPDATE SET division = EXCLUDED.division, highest = EXCLUDED.highest, "
	"gap_first = EXCLUDED.gap_first, gap_last = EXCLUDED.gap_last, gap_opened_us = EXCLUDED.gap_opened_us, "
	"updated_at = clock_timestamp()"},

    [FW_SQL_LEDGER_MARK] = {"ledger_mark",
	"INSERT INTO ledger_mark (instance, complete_before) "
	"SELECT instance, clock_timestamp() - age * interval '1 microsecond' FROM unnest($1::text[], $2::bigint[]) "
	"AS m(instance, age) "
	"ON CONFLICT (instance) DO UPDATE SET complete_before = EXCLUDED.complete_before"},

    [FW_SQL_OUTAGE] = {"outage",
	"INSERT INTO outage (instance, from_at, up_at) "
	"SELECT DISTINCT ON (instance, from_at) instance, from_at, up_at "
	"FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS o(instance, from_at, up_at) "
	"ORDER BY instance, from_at, up_at DESC "
	"ON CONFLICT (instance, from_at) DO UPDATE SET up_at = EXCLUDED.up_at"},

    [FW_SQL_CHECKPOINT] = {"checkpoint",
	"INSERT INTO checkpoint (instance, lane, journal, position, fence, batch) "
	"SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
	"ON CONFLICT (instance, lane, journal) DO UPDATE SET position = EXCLUDED.position, fence = EXCLUDED.fence, "
	"batch = EXCLUDED.batch, updated_at = clock_timestamp()"},

    [FW_SQL_BEGIN] = {"begin", "BEGIN"},
    [FW_SQL_ENTER] = {"enter", "SELECT enter_batch($1::text, $2::bigint)"},
    [FW_SQL_COMMIT] = {"commit", "COMMIT"},
    [FW_SQL_ROLLBACK] = {"rollback", "ROLLBACK"},

    /* The last batch that the database has of a lane's journal. */
    [FW_SQL_READ_BATCH] = {"read_batch",
	"SELECT fence, batch FROM checkpoint WHERE instance = $1::text AND lane = $2::smallint AND journal = $3::bigint"},
    [FW_SQL_READ_KNOWN] = {"read_known",
	"SELECT k.device, k.boot_id, k.sequence FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[]) "
	"AS k(device, boot_id, sequence, received_at) WHERE EXISTS (SELECT FROM report r WHERE r.received_day = " DAY(
	    "k.received_at") " AND r.device = k.device AND r.boot_id = k.boot_id AND r.sequence = k.sequence OFFSET 0)"},

    [FW_SQL_LEASE_SEE] = {"lease_see",
	"SELECT holder, fence, renewals, told FROM lease WHERE instance = $1::text"},
    [FW_SQL_LEASE_TAKE] = {"lease_take",
	"SELECT take_lease($1::text, $2::text, $3::text, $4::text, $5::bigint, $6::bigint)"},
    [FW_SQL_LEASE_RENEW] = {"lease_renew",
	"UPDATE lease SET renewals = renewals + 1, renewed_at = clock_timestamp() "
	"WHERE instance = $1::text AND fence = $2::bigint RETURNING fence"},
    [FW_SQL_LEASE_GIVE] = {"lease_give",
	"UPDATE lease SET holder = '' WHERE instance = $1::text AND fence = $2::bigint"},
    [FW_SQL_HAND_OVER] = {"hand_over",
	"SELECT hand_over($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], "
	"$7::bytea[], $8::text)"},
    [FW_SQL_HANDED_OVER] = {"handed_over",
	"INSERT INTO checkpoint (instance, lane, journal, position) "
	"VALUES ($1::text, $2::smallint, $3::bigint, $4::bigint) "
	"ON CONFLICT (instance, lane, journal) DO UPDATE SET position = EXCLUDED.position, updated_at = clock_timestamp()"},
    [FW_SQL_BEGIN_SNAPSHOT] = {"begin_snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},

    [FW_SQL_MAKE_PARTITIONS] = {"make_partitions", "SELECT make_partitions($1::integer)"},
    [FW_SQL_DROP_PARTITIONS] = {"drop_partitions", "SELECT drop_partitions($1::integer)"},

    [FW_SQL_READ_CHECKPOINTS] = {"read_checkpoints",
	"SELECT lane, journal, position FROM checkpoint WHERE instance = $1 AND journal IN ($2::bigint, $3::bigint)"},

    [FW_SQL_READ_LEDGER] = {"read_ledger",
	"SELECT device, division, boot_id, highest, gap_first, gap_last, gap_opened_us FROM sequence_ledger "
	"ORDER BY updated_at"},

    /* The day, by the daemon's clock, leaves partitions out; what counts is the database's clock,
       which has the index: the daemon's may have been set meanwhile. */
    [FW_SQL_READ_REPORTS] = {"read_reports",
	"SELECT device, division, boot_id, sequence, received_at, observed_at, mode, clock_fault FROM report "
	"WHERE received_day >= (SELECT " DAY(
	    "t") " - 2 FROM " SINCE ") AND committed_at >= (SELECT t FROM " SINCE ")"},

    /* When each device was last heard of; those that never were are known since they were
       registered. */
    [FW_SQL_READ_SEEN] = {"read_seen",
	"SELECT d.device, s.last_seen_at, s.last_observed_at, s.boot_id, s.mode, s.clock_fault, d.registered_at, s.topic_division "
	"FROM device d LEFT JOIN device_status s ON s.device = d.device"},

    [FW_SQL_READ_OUTAGES] = {"read_outages",
	"SELECT from_at, up_at FROM (SELECT from_at, up_at FROM outage WHERE instance = $1 ORDER BY from_at DESC "
	"LIMIT " FW_TEXT_OF(FW_OUTAGES_MAX) ") AS o ORDER BY from_at"},

    /* Open ones, and closed ones that still have an alarm, or a page that nobody has heard the end
       of. */
    [FW_SQL_READ_INCIDENTS] = {"read_incidents",
	"SELECT incident_id, division, site, device, class, opened_at, confirmed_at, coalesce(closed_at, merged_at), trigger_count, "
	"acknowledged_trigger, closed_trigger, alarm_count, verdict, protection_level, severity, confidence, "
	"(SELECT coalesce(max(n.trigger), 0) FROM notification n WHERE n.incident_id = i.incident_id AND n.division = i.division "
	"AND n.state = 'delivered'), merged_into, called_at FROM incident i "
	"WHERE " MINE " AND (" NOT_CLOSED " OR EXISTS "
	"(SELECT FROM alarm a WHERE a.incident_id = i.incident_id AND a.restored_at IS NULL) OR EXISTS "
	"(SELECT FROM notification n WHERE n.incident_id = i.incident_id AND n.division = i.division "
	"AND n.state IN ('queued', 'sent'))) ORDER BY opened_at"},

    /* Those restored lately may still confirm another detector's fire, or be the first of some that
       chatter. */
    [FW_SQL_READ_ALARMS] = {"read_alarms",
	"SELECT alarm_id, device, division, incident_id, point, class, conditions, system_type, component_type, mode, "
	"backfill, observed_at, received_at, last_seen_at, report_count, raised_boot, raised_sequence, zone, reason, text, "
	"restored_at, severity, protection_level, rule, data, weight, was_reset, restored_boot, restored_sequence "
	"FROM alarm a WHERE (restored_at IS NULL AND EXISTS (SELECT FROM incident i "
	"WHERE i.incident_id = a.incident_id AND " MINE
	")) OR (class = 'fire' AND restored_at > now() - interval '1 hour' "
	"AND EXISTS (SELECT FROM incident i WHERE i.incident_id = a.incident_id AND i.closed_trigger < i.trigger_count "
	"AND " MINE
	")) OR (received_at > (SELECT max(received_at) FROM alarm) - interval '2 minutes' AND restored_at IS NOT NULL "
	"AND EXISTS (SELECT FROM incident i WHERE i.incident_id = a.incident_id AND " NOT_CLOSED
	" AND " MINE ")) ORDER BY received_at"},

    /* By the last alarm, not by now: what the journal still holds is of that time. */
    [FW_SQL_READ_OPENED] = {"read_opened",
	"SELECT division, received_at FROM alarm WHERE received_at >= (SELECT max(received_at) FROM alarm) "
	"- interval '10 minutes' ORDER BY received_at"},
    [FW_SQL_READ_FLOODS] = {"read_floods",
	"SELECT division, started_at, peak_10min, alarms FROM flood WHERE ended_at IS NULL AND instance = $1"},

    [FW_SQL_READ_STEPS] = {"read_steps",
	"SELECT s.incident_id, s.trigger, s.step, s.role, s.channel, s.state, s.forced, s.due_at, s.site_only FROM page_step s "
	"JOIN incident i ON i.incident_id = s.incident_id AND i.division = s.division "
	"WHERE " MINE " AND " NOT_CLOSED
	" AND (s.state = 'queued' OR s.trigger = i.trigger_count OR s.site_only)"},

    [FW_SQL_READ_PAGES] = {"read_pages",
	"SELECT n.notification_id, n.incident_id, n.trigger, n.step, n.role, n.person, coalesce(p.name, n.person), n.channel, "
	"n.target, n.forced, n.attempts, n.due_at, n.sent_at, n.error, "
	"EXISTS (SELECT FROM page_step s WHERE s.incident_id = n.incident_id AND s.division = n.division "
	"AND s.trigger = n.trigger AND s.step = n.step AND s.role = n.role AND s.channel = n.channel AND s.site_only) "
	"FROM notification n "
	"JOIN incident i ON i.incident_id = n.incident_id AND i.division = n.division "
	"LEFT JOIN person p ON p.person = n.person WHERE n.state IN ('queued', 'sent') AND " MINE},

    /* Those that are over still tell what alarms were raised in, while they are remembered or
       another one has gone on. */
    [FW_SQL_READ_WINDOWS] = {"read_windows",
	"SELECT window_id, division, site, zone, device, mode, starts_at, coalesce(ended_at, ends_at), announced_at IS NOT NULL "
	"FROM test_window_history w WHERE announced_at IS NULL OR announced_at > now() - interval '1 hour' OR "
	"(announced_at > now() - interval '8 days' "
	"AND EXISTS (SELECT FROM test_window_history o WHERE o.site = w.site AND o.announced_at IS NULL)) "
	"ORDER BY window_id"},

    [FW_SQL_READ_FALSE_ALARMS] = {"read_false_alarms",
	"SELECT division, site, device, opened_at FROM incident i WHERE " MINE
	" AND verdict = 'false_alarm' AND opened_at > now() - interval '31 days' ORDER BY opened_at"},

    [FW_SQL_READ_WATCHES] = {"read_watches",
	"SELECT device, division, point, quantity, class, below, is_change, report, value, change, boot_id, sequence, mode, "
	"backfill, past, measured_at, observed_at, received_at, due_at FROM watch "
	"WHERE state = 'pending' AND instance = $1 ORDER BY received_at"},

    [FW_SQL_READ_ACT] = {"read_act",
	"SELECT incident_id, acknowledged_trigger, closed_trigger, verdict, closed_at FROM incident WHERE incident_id = $1"},
    [FW_SQL_READ_ACTS] = {"read_acts",
	"SELECT incident_id, acknowledged_trigger, closed_trigger, verdict, closed_at FROM incident i "
	"WHERE " NOT_CLOSED " OR closed_at > now() - interval '1 day'"},

    [FW_SQL_READ_REPLAYS] = {"read_replays",
	"SELECT quarantine_id, lane, journal_position, received_at, topic, payload, original_bytes, report_index "
	"FROM quarantined WHERE replay_at IS NOT NULL AND replayed_at IS NULL ORDER BY replay_at LIMIT 100"},

    [FW_SQL_READ_DIVISIONS] = {"read_divisions",
	"SELECT division, parent, name, level FROM division"},
    [FW_SQL_READ_SITES] = {"read_sites",
	"SELECT site, name, division, category, risk, address, contact FROM site"},
    [FW_SQL_READ_KINDS] = {"read_kinds",
	"SELECT kind, heartbeat_s, missed, mains FROM device_kind"},
    /* Of equals the town's counts: it comes later. */
    [FW_SQL_READ_THRESHOLDS] = {"read_thresholds",
	"SELECT quantity, kind, category, risk, site, device, origin, class, side, reason, source, raise_at, clear_at, delay_s, "
	"window_s FROM threshold ORDER BY origin, quantity, kind, category, risk, site, device, class, side, window_s"},
    [FW_SQL_READ_OVERRIDES] = {"read_overrides",
	"SELECT condition, kind, category, model, class, severity, reason, component_type, system_type FROM classification "
	"ORDER BY condition, kind, category, model, component_type, system_type"},
    [FW_SQL_READ_LEVELS] = {"read_levels",
	"SELECT level, extra_role, timeout_percent, pre_alarm_as_alarm FROM protection_level"},
    [FW_SQL_READ_LIMITS] = {"read_limits",
	"SELECT class, kind, category, role, grade, limit_s, deadline_s FROM hazard_limit ORDER BY class, kind, category"},
    [FW_SQL_READ_PROTECTIONS] = {"read_protections",
	"SELECT division, level, starts_at, ends_at FROM protection ORDER BY division, starts_at, level"},
    [FW_SQL_READ_DEVICES] = {"read_devices",
	"SELECT device, parent, site, zone, kind, model, heartbeat_s FROM device"},
    [FW_SQL_READ_PEOPLE] = {"read_people",
	"SELECT person, name, phone, email, webhook FROM person"},
    [FW_SQL_READ_DUTY] = {"read_duty",
	"SELECT division, site, role, person, starts_at, ends_at FROM duty ORDER BY division, site, role, starts_at, person"},
    [FW_SQL_READ_POLICIES] = {"read_policies",
	"SELECT class, category, level, step, after_s, role, channel FROM policy "
	"ORDER BY class, category, level, step, role, channel"},
};

struct fw_pg_step
fw_sql_text_step(enum fw_sql statement, const char *const *values, int count)
{
	return (struct fw_pg_step){.statement = statement, .param_count = count, .values = values};
}
