/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the town at once; see simulate.h. */
#include <libpq-fe.h>

#include "cli/db.h"
#include "cli/say.h"
#include "cli/simulate.h"
#include "io/town_rows.h"
#include "io/window_rows.h"

/* Binary rows, to be cleared; NULL: a fault, which has been said. */
static PGresult *
ask(struct fw_db *db, enum fw_sql statement, enum fw_exit *code)
{
	PGresult *rows =
	    PQexecParams(db->conn, fw_sql_statements[statement].sql, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(rows) == PGRES_TUPLES_OK)
		return rows;
	*code = fw_db_told(db, rows);
	PQclear(rows);
	return NULL;
}

static enum fw_exit
read_rows(struct fw_db *db, struct fw_town *town, size_t statement, size_t *dangling)
{
	enum fw_exit code = FW_EXIT_DONE;
	PGresult *rows = ask(db, fw_town_statements[statement], &code);

	if (rows)
		*dangling += fw_town_rows_add(town, statement, rows);
	PQclear(rows);
	return code;
}

static enum fw_exit
read_windows(struct fw_db *db, struct fw_windows *windows)
{
	enum fw_exit code = FW_EXIT_DONE;
	PGresult *rows = ask(db, FW_SQL_READ_WINDOWS, &code);

	if (rows)
		fw_window_rows(windows, rows);
	PQclear(rows);
	return code;
}

static enum fw_exit
read_all(struct fw_db *db, struct fw_town *town, struct fw_windows *windows)
{
	size_t dangling = 0;
	enum fw_exit code = fw_db_run(db, fw_sql_statements[FW_SQL_BEGIN_SNAPSHOT].sql);

	for (size_t i = 0; i < FW_TOWN_STATEMENTS && code == FW_EXIT_DONE; i++)
		code = read_rows(db, town, i, &dangling);
	if (code == FW_EXIT_DONE)
		code = read_windows(db, windows);
	if (dangling)
		fw_say(
		    "%zu rows of the town refer to what is not there and are left out", dangling);
	return code == FW_EXIT_DONE ? fw_db_run(db, "ROLLBACK") : code;
}

enum fw_exit
fw_simulate_town(
    const char *dsn, uint64_t hash_seed, struct fw_town **out, struct fw_windows **windows)
{
	struct fw_db db;
	enum fw_exit code = fw_db_open(&db, dsn);

	*out = NULL;
	*windows = NULL;
	if (code != FW_EXIT_DONE)
		return code;
	*out = fw_town_new(hash_seed);
	*windows = fw_windows_new();
	code = read_all(&db, *out, *windows);
	fw_db_close(&db);
	if (code == FW_EXIT_DONE) {
		fw_town_finish(*out);
	} else {
		fw_town_free(*out);
		fw_windows_free(*windows);
		*out = NULL;
		*windows = NULL;
	}
	return code;
}
