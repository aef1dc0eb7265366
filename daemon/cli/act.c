/* SPDX-License-Identifier: Apache-2.0 */
/* What a person decides: one call of a function of sql/ (0003, 0009, 0010) each, which has the last
 * word on whether it may be. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/db.h"
#include "cli/moment.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/writer.h"

/* $1 and $2 are the arguments; the rest are options. */
enum { ID, SECOND, ACTOR, NOTE, ZONE, DEVICE, MODE, REASON, FROM, UNTIL, DEADLINE, PARAMETERS };

#define MOMENT(n) "'epoch'::timestamptz + $" #n " * interval '1 microsecond'"

static const struct act {
	const char *command;
	const char *sql;
	const char *done;
	const char *already; /* the function said false */
} acts[] = {
    /* each answers with the id of what it was done to, and whether it was */
    {"hazard assign",
	"SELECT $1 AS hazard_id, firewatch.assign_hazard($1, $2, $3, " MOMENT(11) ", $4) AS done",
	"has somebody responsible", "was so before"},
    {"hazard close", "SELECT $1 AS hazard_id, firewatch.close_hazard($1, $3, $4) AS done",
	"is closed", "was closed before"},
    {"hazard rectify", "SELECT $1 AS hazard_id, firewatch.rectify_hazard($1, $3, $4) AS done",
	"is being rectified", "is being rectified so already"},
    {"hazard review", "SELECT $1 AS hazard_id, firewatch.review_hazard($1, $3, $4) AS done",
	"is to be reviewed", "is in review already"},
    {"incident acknowledge", "SELECT $1 AS incident_id, firewatch.acknowledge($1, $3, $4) AS done",
	"is acknowledged", "was acknowledged before"},
    {"incident close", "SELECT $1 AS incident_id, firewatch.close_incident($1, $3, $4) AS done",
	"is closed", "was closed before"},
    {"incident verify", "SELECT $1 AS incident_id, firewatch.verify($1, $2, $3, $4) AS done",
	"is verified", "was verified so before"},
    {"quarantine replay",
	"SELECT $1 AS quarantine_id, firewatch.replay_quarantined($1, $3) AS done",
	"is to be taken in again; quarantine show tells what became of it", "is recorded already"},
    {"window declare",
	"SELECT window_id, declared AS done FROM firewatch.declare_window($1, $5, $6, $7, $8, " MOMENT(
	    9) ", " MOMENT(10) ", $3)",
	"is declared", "was declared before"},
    {"window end", "SELECT $1 AS window_id, firewatch.end_window($1, $3, $4) AS done", "is ended",
	"was over before"},
};

static const struct act *
find_act(const char *command)
{
	size_t i = 0;

	while (strcmp(acts[i].command, command) != 0)
		i++;
	return &acts[i];
}

const char *
fw_actor_of(const struct fw_request *r)
{
	const char *given = r->options[FW_OPTION_ACTOR], *user = getenv("USER");
	const struct passwd *account;

	if (given)
		return given;
	if (user && *user)
		return user;
	account = getpwuid(geteuid());
	return account ? account->pw_name : "";
}

static enum fw_exit
take_moments(const struct fw_request *r, char moments[3][24], const char **values)
{
	static const enum fw_option options[] = {
	    FW_OPTION_FROM, FW_OPTION_UNTIL, FW_OPTION_DEADLINE};
	enum fw_exit code = FW_EXIT_DONE;

	for (int i = 0; code == FW_EXIT_DONE && i < 3; i++)
		code = fw_moment_take(
		    r->options[options[i]], moments[i], sizeof(moments[i]), &values[FROM + i]);
	return code;
}

static enum fw_exit
ask(const struct fw_request *r, const struct act *act, PGresult **rows)
{
	static const Oid types[PARAMETERS] = {FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT,
	    FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT, FW_DB_BIGINT, FW_DB_BIGINT,
	    FW_DB_BIGINT};
	const char *note = r->options[FW_OPTION_NOTE];
	const char *values[PARAMETERS] = {[ID] = r->arguments[0],
	    [SECOND] = r->arguments[1],
	    [ACTOR] = fw_actor_of(r),
	    [NOTE] = note ? note : "",
	    [ZONE] = r->options[FW_OPTION_ZONE],
	    [DEVICE] = r->options[FW_OPTION_DEVICE],
	    [MODE] = r->options[FW_OPTION_MODE],
	    [REASON] = r->options[FW_OPTION_REASON]};
	char moments[3][24];
	struct fw_db db;
	enum fw_exit code = take_moments(r, moments, values);

	if (code == FW_EXIT_DONE)
		code = fw_db_open(&db, r->options[FW_OPTION_DSN]);
	if (code != FW_EXIT_DONE)
		return code;
	*rows = fw_db_query(&db, act->sql, PARAMETERS, types, values);
	code = db.fault;
	fw_db_close(&db);
	return code;
}

static void
tell(const struct fw_writer *writer, const struct act *act, const PGresult *rows, bool done)
{
	const char *id = PQgetvalue(rows, 0, 0);

	if (writer != &fw_writer_text)
		writer->record(stdout, &(struct fw_part){.name = "act", .rows = rows}, 1);
	else if (done) {
		fw_say_text(stdout, id, 0);
		printf(" %s\n", act->done);
	}
	if (!done)
		fw_say("%s %s", id, act->already);
}

enum fw_exit
fw_run_act(const struct fw_request *r)
{
	const struct act *act = find_act(r->command);
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	PGresult *rows = NULL;
	enum fw_exit code = writer ? ask(r, act, &rows) : FW_EXIT_USAGE;

	if (code == FW_EXIT_DONE) {
		bool done = strcmp(PQgetvalue(rows, 0, 1), "t") == 0;

		tell(writer, act, rows, done);
		code = done ? FW_EXIT_DONE : FW_EXIT_NOTHING;
	}
	PQclear(rows);
	return code;
}
