/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of a window; the work is done by firewatch.reconcile() of 0005, whose last row is the
 * total. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/moment.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/writer.h"

enum { SINCE, UNTIL, DIVISION, DEVICE, ALL, PARAMETERS };
#define SINCE_DEFAULT "24h"
#define UNTIL_DEFAULT "0s" /* ago */

#define MOMENT(us) "'epoch'::timestamptz + " us " * interval '1 microsecond'"
#define ACCOUNT                                                                                                                \
	"firewatch.reconcile(" MOMENT("$1") ", " MOMENT(                                                                       \
	    "$2") ", $3, $4) WITH ORDINALITY AS "                                                                              \
		  "a(device, division, received, recorded, duplicates, quarantined, missing, claimed, range_count, ranges, n)" \
		  " WHERE device IS NULL OR missing > 0 OR quarantined > 0 OR $5 IS NOT NULL"

#define ROWS_SQL                                                                                                      \
	"SELECT device, division, received, recorded, duplicates, quarantined, missing, claimed, range_count, ranges" \
	" FROM " ACCOUNT " ORDER BY n"

/* The ranges stand below their device. */
#define TEXT_SQL                                                                                                                   \
	"WITH account AS MATERIALIZED (SELECT * FROM " ACCOUNT ")"                                                                 \
	" SELECT device, division, received, recorded, duplicates, quarantined, missing, claimed FROM"                             \
	" (SELECT n, 0 AS k, coalesce(device, 'total') AS device, division, received, recorded, duplicates, quarantined, missing," \
	" claimed FROM account"                                                                                                    \
	" UNION ALL SELECT n, r.k, '  boot ' || replace(replace(r.range, ':', ': '), '-', ' to '),"                                \
	" NULL, NULL, NULL, NULL, NULL, NULL, NULL"                                                                                \
	" FROM account, unnest(string_to_array(ranges, ' ')) WITH ORDINALITY AS r(range, k)"                                       \
	" UNION ALL SELECT n, 1000, format('  and %s more ranges', range_count - cardinality(string_to_array(ranges, ' '))),"      \
	" NULL, NULL, NULL, NULL, NULL, NULL, NULL"                                                                                \
	" FROM account WHERE device IS NOT NULL AND range_count > cardinality(string_to_array(ranges, ' '))) AS line ORDER BY n, k"

/* A name that nothing has would be told to lack nothing. */
static enum fw_exit
check_known(struct fw_db *db, const char *what, const char *name, const char *sql)
{
	PGresult *rows = name ? fw_db_query(db, sql, 1, (const Oid[]){FW_DB_TEXT}, &name) : NULL;
	enum fw_exit code = !name ? FW_EXIT_DONE : rows ? FW_EXIT_DONE : db->fault;

	if (rows && PQntuples(rows) == 0) {
		fw_say("no %s %s", what, name);
		code = FW_EXIT_NOTHING;
	}
	PQclear(rows);
	return code;
}

static enum fw_exit
ask(const char *dsn, const char *sql, const char *const *values, PGresult **rows)
{
	static const Oid types[PARAMETERS] = {
	    FW_DB_BIGINT, FW_DB_BIGINT, FW_DB_TEXT, FW_DB_TEXT, FW_DB_TEXT};
	struct fw_db db;
	enum fw_exit code = fw_db_open(&db, dsn);

	if (code != FW_EXIT_DONE)
		return code;
	code = check_known(&db, "division", values[DIVISION],
	    "SELECT FROM firewatch.division WHERE division = $1 UNION ALL"
	    " SELECT FROM firewatch.device WHERE division = $1");
	if (code == FW_EXIT_DONE)
		code = check_known(&db, "device", values[DEVICE],
		    "SELECT FROM firewatch.device WHERE device = $1 UNION ALL"
		    " SELECT FROM firewatch.quarantine WHERE $1 IN (device, report_device)");
	if (code == FW_EXIT_DONE) {
		fw_say("reconcile: reading every report of the window");
		*rows = fw_db_query(&db, sql, PARAMETERS, types, values);
		code = db.fault;
	}
	fw_db_close(&db);
	return code;
}

static enum fw_exit
tell(const struct fw_writer *writer, const PGresult *rows)
{
	const struct fw_part list = {.name = "reconcile", .rows = rows};
	int missing = PQfnumber(rows, "missing");

	writer->list(stdout, &list);
	fflush(stdout);
	return strcmp(PQgetvalue(rows, PQntuples(rows) - 1, missing), "0") == 0 ? FW_EXIT_DONE
										: FW_EXIT_NOTHING;
}

enum fw_exit
fw_run_reconcile(const struct fw_request *r)
{
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	const char *since = r->options[FW_OPTION_SINCE], *until = r->options[FW_OPTION_UNTIL];
	char from[24], to[24];
	const char *values[PARAMETERS] = {NULL, NULL, r->options[FW_OPTION_DIVISION],
	    r->options[FW_OPTION_DEVICE], r->options[FW_OPTION_ALL]};
	PGresult *rows = NULL;
	enum fw_exit code = writer ? FW_EXIT_DONE : FW_EXIT_USAGE;

	if (code == FW_EXIT_DONE)
		code =
		    fw_moment_take(since ? since : SINCE_DEFAULT, from, sizeof(from), &values[0]);
	if (code == FW_EXIT_DONE)
		code = fw_moment_take(until ? until : UNTIL_DEFAULT, to, sizeof(to), &values[1]);
	if (code == FW_EXIT_DONE)
		code = ask(r->options[FW_OPTION_DSN],
		    writer == &fw_writer_text ? TEXT_SQL : ROWS_SQL, values, &rows);
	if (code == FW_EXIT_DONE)
		code = tell(writer, rows);
	PQclear(rows);
	return code;
}
