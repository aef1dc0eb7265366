/* SPDX-License-Identifier: Apache-2.0 */
/* One thing with all that belongs to it: a table of things, each with the statements of its parts.
 * $1 is its name everywhere. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/writer.h"

#define PARTS_MOST 4

static const struct thing {
	const char *command;
	struct {
		const char *name;
		const char *shown;
		const char *sql;
	} parts[PARTS_MOST]; /* the first is the thing itself */
} things[] = {
    {"alarm show", {{"alarm", NULL, "SELECT * FROM firewatch.alarm_history WHERE alarm_id = $1"}}},
    {"device show",
	{{"device", NULL, "SELECT * FROM firewatch.device_state WHERE device = $1"},
	    {"alarms", "alarm_id class severity point received_at last_seen_at text",
		"SELECT * FROM firewatch.alarm_history WHERE device = $1 AND state = 'active' ORDER BY received_at, alarm_id"},
	    {"gaps", "boot_id first_missing last_missing missing opened_at",
		"SELECT * FROM firewatch.sequence_gap WHERE device = $1 ORDER BY boot_id, first_missing"}}},
    /* Why it is what it is: from what was written down when it was decided, nothing is judged anew.
       Protections alone are read as the town has them now. */
    {"explain alarm",
	{{"alarm", NULL,
	     "SELECT alarm_id, device, point, zone, site, site_name, class, severity, state, received_at, observed_at, mode,"
	     " backfill, text FROM firewatch.alarm_history WHERE alarm_id = $1"},
	    {"why", NULL,
		"WITH RECURSIVE a AS (SELECT * FROM firewatch.alarm_history WHERE alarm_id = $1),"
		" i AS (SELECT i.* FROM firewatch.incident_history i, a WHERE i.incident_id = a.incident_id),"
		" t AS (SELECT t.* FROM firewatch.incident_timeline t, a WHERE t.incident_id = a.incident_id),"
		" up AS ((SELECT d.division, d.parent FROM firewatch.division d, a WHERE starts_with(a.division, d.division)"
		" ORDER BY length(d.division) DESC LIMIT 1)"
		" UNION SELECT d.division, d.parent FROM firewatch.division d JOIN up ON d.division = up.parent),"
		" r AS (SELECT least(confirmed_at, CASE verdict WHEN 'real_fire' THEN verified_at END) AS at FROM i)"
		" SELECT what, \"is\", because FROM ("
		"SELECT 1 AS n, 'class' AS what, a.class AS \"is\", concat_ws(': ', nullif(a.rule, ''), a.reason) AS because FROM a"
		" UNION ALL SELECT 2, 'severity', a.severity, concat_ws(': ', nullif(a.rule, ''), a.reason) FROM a"
		" UNION ALL SELECT 3, 'measured', a.data, 'as judged when it was raised' FROM a WHERE a.data <> ''"
		" UNION ALL SELECT 4, 'protection level', a.protection_level, coalesce((SELECT string_agg(p.level || ' in ' || p.division"
		" || ' until ' || to_char(p.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || ': ' || p.reason, '; ')"
		" FROM firewatch.protection p JOIN up USING (division) WHERE p.level = a.protection_level"
		" AND a.received_at >= p.starts_at AND a.received_at < p.ends_at), 'in force when it was raised') FROM a"
		" UNION ALL SELECT 5, 'incident', a.incident_id, CASE WHEN a.incident_id IN (a.alarm_id, a.alarm_id || '~again')"
		" OR starts_with(a.alarm_id, a.incident_id || '~') THEN 'opened by this alarm'"
		" ELSE 'was open for ' || CASE WHEN i.site = '' THEN 'it' ELSE 'the site' END || ' since '"
		" || to_char(i.opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') END FROM a, i"
		" UNION ALL SELECT 6, 'confidence', i.confidence, coalesce((SELECT string_agg(t.detail, '; ' ORDER BY t.entry) FROM t"
		" WHERE t.kind IN ('confirmed', 'high_confidence')), 'one detector so far, or nothing that fire is') FROM i"
		" UNION ALL SELECT 7, w.mode || ' window', w.window_id, w.reason || CASE"
		" WHEN w.declared_at > a.received_at THEN ': declared when it had been raised already, which called people as ever'"
		" WHEN r.at <= a.received_at THEN ': but the fire had been found real, so that people were called as ever'"
		" ELSE ': nobody beyond the site was called for it until ' || to_char(least(r.at, w.ended_at, w.ends_at)"
		" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
		" || CASE WHEN r.at < least(w.ended_at, w.ends_at) THEN ', when the fire was found real' ELSE '' END END"
		" FROM firewatch.test_window_history w, a, r WHERE w.site = a.site AND w.zone IN ('', a.zone)"
		" AND w.device IN ('', a.device) AND a.received_at >= w.starts_at AND a.received_at < coalesce(w.ended_at, w.ends_at)"
		" UNION ALL SELECT 8, 'hazard', h.hazard_id, h.state || ', ' || h.grade || ': ' || h.reason"
		" FROM firewatch.hazard_ledger h, a WHERE h.alarm_id = a.alarm_id"
		") AS w ORDER BY n"},
	    {"calls", NULL,
		"SELECT t.at, t.kind, t.detail FROM firewatch.incident_timeline t JOIN firewatch.alarm_history a"
		" ON a.incident_id = t.incident_id WHERE a.alarm_id = $1 AND t.kind NOT LIKE 'page%'"
		" AND t.kind NOT IN ('alarm', 'restored') ORDER BY t.entry"},
	    {"pages", "trigger step role person channel state attempts due_at sent_at error",
		"SELECT n.* FROM firewatch.notification_history n JOIN firewatch.alarm_history a ON a.incident_id = n.incident_id"
		" WHERE a.alarm_id = $1 ORDER BY n.trigger, n.step, n.role, n.person, n.channel"}}},
    {"hazard show",
	{{"hazard", NULL, "SELECT * FROM firewatch.hazard_ledger WHERE hazard_id = $1"},
	    {"log", "at kind actor state detail",
		"SELECT * FROM firewatch.hazard_log WHERE hazard_id = $1 ORDER BY entry"}}},
    {"incident show",
	{{"incident", NULL, "SELECT * FROM firewatch.incident_history WHERE incident_id = $1"},
	    {"alarms", "alarm_id class state device zone received_at restored_at report_count text",
		"SELECT * FROM firewatch.alarm_history WHERE incident_id = $1 ORDER BY received_at, alarm_id"},
	    {"notifications",
		"trigger step role person channel state attempts due_at sent_at error",
		"SELECT * FROM firewatch.notification_history WHERE incident_id = $1"
		" ORDER BY trigger, step, role, person, channel"},
	    {"timeline", "at kind actor detail",
		"SELECT * FROM firewatch.incident_timeline WHERE incident_id = $1 ORDER BY entry"}}},
    {"quarantine show",
	{{"quarantine", NULL, "SELECT * FROM firewatch.quarantine WHERE quarantine_id = $1"}}},
    {"window show",
	{{"window", NULL, "SELECT * FROM firewatch.test_window_history WHERE window_id = $1"},
	    {"alarms", "alarm_id class state device zone received_at restored_at text",
		"SELECT a.* FROM firewatch.alarm_history a JOIN firewatch.test_window_history w ON w.window_id = $1"
		" WHERE a.site = w.site AND (w.zone = '' OR a.zone = w.zone) AND (w.device = '' OR a.device = w.device)"
		" AND a.received_at >= w.starts_at AND a.received_at < coalesce(w.ended_at, w.ends_at)"
		" ORDER BY a.received_at, a.alarm_id"}}},
};

static const struct thing *
find_thing(const char *command)
{
	size_t i = 0;

	while (strcmp(things[i].command, command) != 0)
		i++;
	return &things[i];
}

static enum fw_exit
ask_part(struct fw_db *db, const struct thing *t, size_t i, const char *id, PGresult **rows)
{
	*rows = fw_db_query(db, t->parts[i].sql, 1, (const Oid[]){FW_DB_TEXT}, &id);
	if (!*rows)
		return db->fault;
	if (i == 0 && PQntuples(*rows) == 0) {
		fw_say("no %s %s", t->parts[0].name, id);
		return FW_EXIT_NOTHING;
	}
	return FW_EXIT_DONE;
}

/* All parts are of one moment. */
static enum fw_exit
ask(struct fw_db *db, const struct thing *t, const char *id, PGresult **rows, size_t *count)
{
	enum fw_exit code = fw_db_run(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");

	for (*count = 0; code == FW_EXIT_DONE && *count < PARTS_MOST && t->parts[*count].name;
	     (*count)++)
		code = ask_part(db, t, *count, id, &rows[*count]);
	return code;
}

static void
tell(const struct fw_writer *writer, const struct thing *t, PGresult *const *rows, size_t count)
{
	struct fw_part parts[PARTS_MOST];

	for (size_t i = 0; i < count; i++)
		parts[i] = (struct fw_part){t->parts[i].name, t->parts[i].shown, rows[i], 0};
	writer->record(stdout, parts, count);
}

enum fw_exit
fw_run_show(const struct fw_request *r)
{
	const struct thing *t = find_thing(r->command);
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	PGresult *rows[PARTS_MOST] = {0};
	size_t count;
	struct fw_db db;
	enum fw_exit code;

	if (!writer)
		return FW_EXIT_USAGE;
	code = fw_db_open(&db, r->options[FW_OPTION_DSN]);
	if (code != FW_EXIT_DONE)
		return code;
	code = ask(&db, t, r->arguments[0], rows, &count);
	fw_db_close(&db);
	if (code == FW_EXIT_DONE)
		tell(writer, t, rows, count);
	for (size_t i = 0; i < PARTS_MOST; i++)
		PQclear(rows[i]);
	return code;
}
