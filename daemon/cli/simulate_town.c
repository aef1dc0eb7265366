/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the town at once; see simulate.h. */
#include <libpq-fe.h>

#include "cli/db.h"
#include "cli/say.h"
#include "cli/simulate.h"
#include "io/town_rows.h"

static enum fw_exit
read_rows(struct fw_db *db, struct fw_town *town, size_t statement, size_t *dangling)
{
	PGresult *rows = PQexecParams(db->conn,
	    fw_sql_statements[fw_town_statements[statement]].sql, 0, NULL, NULL, NULL, NULL, 1);
	enum fw_exit code = FW_EXIT_DONE;

	if (PQresultStatus(rows) == PGRES_TUPLES_OK)
		*dangling += fw_town_rows_add(town, statement, rows);
	else
		code = fw_db_told(db, rows);
	PQclear(rows);
	return code;
}

static enum fw_exit
read_all(struct fw_db *db, struct fw_town *town)
{
	size_t dangling = 0;
	enum fw_exit code = fw_db_run(db, fw_sql_statements[FW_SQL_BEGIN_SNAPSHOT].sql);

	for (size_t i = 0; i < FW_TOWN_STATEMENTS && code == FW_EXIT_DONE; i++)
		code = read_rows(db, town, i, &dangling);
	if (dangling)
		fw_say(
		    "%zu rows of the town refer to what is not there and are left out", dangling);
	return code == FW_EXIT_DONE ? fw_db_run(db, "ROLLBACK") : code;
}

enum fw_exit
fw_simulate_town(const char *dsn, uint64_t hash_seed, struct fw_town **out)
{
	struct fw_db db;
	enum fw_exit code = fw_db_open(&db, dsn);

	*out = NULL;
	if (code != FW_EXIT_DONE)
		return code;
	*out = fw_town_new(hash_seed);
	code = read_all(&db, *out);
	fw_db_close(&db);
	if (code == FW_EXIT_DONE) {
		fw_town_finish(*out);
	} else {
		fw_town_free(*out);
		*out = NULL;
	}
	return code;
}
