/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists: one table of views, each with its statement.  The statements share their parameters
 * and use those they have a filter for: the grammar lets no other through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/db.h"
#include "cli/moment.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/writer.h"
#include "model/names.h"

#define LIMIT_DEFAULT "100"
#define LIMIT_MOST 1000000

#define PARAMETERS 9
#define SITE "($1::text IS NULL OR site = $1)"
#define DIVISION                                                                              \
	"($2::text IS NULL OR division IN ("                                                  \
	"WITH RECURSIVE below AS (SELECT $2::text AS division UNION"                          \
	" SELECT d.division FROM firewatch.division d JOIN below b ON d.parent = b.division)" \
	" SELECT b.division FROM below b))"
#define DEVICE "($3::text IS NULL OR device = $3)"
#define CLASS "($4::text IS NULL OR class = $4)"
#define STATE(column) "($5::text IS NULL OR " column " = $5)"
#define WHEN(column)                                                \
	"($6::bigint IS NULL OR " column                            \
	" >= 'epoch'::timestamptz + $6 * interval '1 microsecond')" \
	" AND ($7::bigint IS NULL OR " column                       \
	" < 'epoch'::timestamptz + $7 * interval '1 microsecond')"
#define LIMIT " LIMIT $8"
#define OVERDUE "($9::text IS NULL OR overdue)"

static const struct view {
	const char *command;
	const char *shown; /* to a person; the last one may be long */
	const char *sql;
} views[] = {
    {"alarm list", "alarm_id incident_id class severity state received_at site site_name text",
	"SELECT * FROM firewatch.alarm_history WHERE " SITE " AND " DIVISION " AND " DEVICE
	" AND " CLASS " AND " STATE("state") " AND " WHEN(
	    "received_at") " ORDER BY received_at DESC, alarm_id" LIMIT},
    {"device list",
	"device division registration mode battery_percent signal_dbm active_alarms last_seen_at site site_name",
	"SELECT * FROM firewatch.device_state WHERE " SITE " AND " DIVISION " AND " DEVICE
	" AND " STATE("registration") " ORDER BY device" LIMIT},
    {"flood list", "division state started_at ended_at peak_10min alarms division_name",
	"SELECT * FROM firewatch.flood_history WHERE " DIVISION " AND " STATE("state") " AND " WHEN(
	    "started_at") " ORDER BY started_at DESC, division" LIMIT},
    {"gap list", NULL,
	"SELECT *, date_trunc('second', now() - opened_at)::text AS age FROM firewatch.sequence_gap"
	" WHERE " DIVISION " AND " DEVICE
	" AND " WHEN("opened_at") " ORDER BY device, boot_id, first_missing" LIMIT},
    {"hazard list",
	"hazard_id kind grade state overdue responsible responsible_name deadline_at recurrences site site_name reason",
	"SELECT * FROM firewatch.hazard_ledger WHERE " SITE " AND " DIVISION " AND " DEVICE
	" AND " CLASS " AND " STATE("state") " AND " OVERDUE " AND " WHEN(
	    "opened_at") " ORDER BY opened_at DESC, hazard_id" LIMIT},
    {"incident list",
	"incident_id class severity state confirmed opened_at alarm_count verdict acknowledged_by site site_name",
	"SELECT * FROM firewatch.incident_history WHERE " SITE " AND " DIVISION " AND " DEVICE
	" AND " CLASS " AND " STATE("state") " AND " WHEN(
	    "opened_at") " ORDER BY opened_at DESC, incident_id" LIMIT},
    {"notification list",
	"notification_id step role person channel state attempts due_at sent_at error",
	"SELECT * FROM firewatch.notification_history WHERE " DIVISION " AND " STATE(
	    "state") " AND " WHEN("due_at") " ORDER BY due_at DESC, notification_id" LIMIT},
    {"quarantine list",
	"quarantine_id received_at topic reason payload_bytes replay_outcome detail",
	"SELECT quarantine_id, received_at, topic, reason, detail, length(payload) AS payload_bytes, device, report_index,"
	" report_device, boot_id, sequence, replay_by, replay_at, replayed_at, replay_outcome"
	" FROM firewatch.quarantine WHERE ($3::text IS NULL OR device = $3 OR report_device = $3) AND " WHEN(
	    "received_at") " ORDER BY received_at DESC, quarantine_id" LIMIT},
    {"window list",
	"window_id mode state zone device starts_at ends_at declared_by site site_name reason",
	"SELECT * FROM firewatch.test_window_history WHERE " SITE " AND " DIVISION " AND " DEVICE
	" AND " STATE("state") " AND " WHEN(
	    "starts_at") " ORDER BY starts_at DESC, window_id" LIMIT},
};

static enum fw_exit
check_words(const struct fw_request *r, long *limit)
{
	const char *state = r->options[FW_OPTION_STATE], *class = r->options[FW_OPTION_CLASS];
	const char *text =
	    r->options[FW_OPTION_LIMIT] ? r->options[FW_OPTION_LIMIT] : LIMIT_DEFAULT;
	char *end;

	if (state && !fw_is_word_of(state, r->states)) {
		fw_say("--state is one of: %s, not %s", r->states, state);
		return FW_EXIT_USAGE;
	}
	if (class && fw_class_of(class) == FW_CLASSES) {
		fw_say("there is no class %s", class);
		return FW_EXIT_USAGE;
	}
	*limit = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || *limit < 1 || *limit > LIMIT_MOST) {
		fw_say("--limit is a number from 1 to %d, not %s", LIMIT_MOST, text);
		return FW_EXIT_USAGE;
	}
	return FW_EXIT_DONE;
}

static enum fw_exit
ask(const struct fw_request *r, const struct view *view, const char *const *values, PGresult **rows)
{
	static const Oid types[PARAMETERS] = {FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT,
	    FW_DB_TEXT, FW_DB_BIGINT, FW_DB_BIGINT, FW_DB_BIGINT, FW_DB_TEXT};
	struct fw_db db;
	enum fw_exit code = fw_db_open(&db, r->options[FW_OPTION_DSN]);

	if (code != FW_EXIT_DONE)
		return code;
	*rows = fw_db_query(&db, view->sql, PARAMETERS, types, values);
	code = db.fault;
	fw_db_close(&db);
	return code;
}

/* One row more than wanted was asked for, to know whether there are more. */
static enum fw_exit
tell(const struct fw_writer *writer, const struct view *view, const PGresult *rows, long limit)
{
	const struct fw_part list = {
	    .name = view->command, .shown = view->shown, .rows = rows, .most = (int)limit};

	if (PQntuples(rows) == 0)
		fw_say("%s: nothing found", view->command);
	if (PQntuples(rows) > 0 || writer != &fw_writer_text)
		writer->list(stdout, &list);
	fflush(stdout);
	if (PQntuples(rows) > limit)
		fw_say("more than %ld; --limit shows more", limit);
	return PQntuples(rows) ? FW_EXIT_DONE : FW_EXIT_NOTHING;
}

static const struct view *
find_view(const char *command)
{
	size_t i = 0;

	while (strcmp(views[i].command, command) != 0)
		i++;
	return &views[i];
}

enum fw_exit
fw_run_list(const struct fw_request *r)
{
	const struct view *view = find_view(r->command);
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	char since[24], until[24], one_more[24];
	const char *values[PARAMETERS] = {r->options[FW_OPTION_SITE],
	    r->options[FW_OPTION_DIVISION], r->options[FW_OPTION_DEVICE],
	    r->options[FW_OPTION_CLASS], r->options[FW_OPTION_STATE]};
	PGresult *rows = NULL;
	long limit = 0;
	enum fw_exit code = writer ? check_words(r, &limit) : FW_EXIT_USAGE;

	if (code == FW_EXIT_DONE)
		code =
		    fw_moment_take(r->options[FW_OPTION_SINCE], since, sizeof(since), &values[5]);
	if (code == FW_EXIT_DONE)
		code =
		    fw_moment_take(r->options[FW_OPTION_UNTIL], until, sizeof(until), &values[6]);
	if (code != FW_EXIT_DONE)
		return code;
	snprintf(one_more, sizeof(one_more), "%ld", limit + 1);
	values[7] = one_more;
	values[8] = r->options[FW_OPTION_OVERDUE];
	code = ask(r, view, values, &rows);
	if (code == FW_EXIT_DONE)
		code = tell(writer, view, rows, limit);
	PQclear(rows);
	return code;
}
