/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL; see db.h. */
#include "cli/db.h"

#include <string.h>

#include "cli/say.h"

static const struct {
	const char *state; /* SQLSTATE, or its class of two letters */
	enum fw_exit code;
} meanings[] = {
    {"08", FW_EXIT_UNREACHABLE},  /* connection */
    {"57P", FW_EXIT_UNREACHABLE}, /* the server is going down */
    {"53", FW_EXIT_UNREACHABLE},  /* the server is out of something */
    {"P0002", FW_EXIT_NOTHING},   /* no such row */
    {"22", FW_EXIT_USAGE},        /* a value makes no sense */
    {"40", FW_EXIT_CONFLICT},     /* serialization, deadlock */
    {"23505", FW_EXIT_CONFLICT},  /* unique */
    {"55P03", FW_EXIT_CONFLICT},  /* lock not available */
};

static enum fw_exit
meaning(const char *state)
{
	if (!state)
		return FW_EXIT_UNREACHABLE;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0)
			return meanings[i].code;
	return FW_EXIT_REFUSED;
}

enum fw_exit
fw_db_told(const struct fw_db *db, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *what = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	if (!what)
		what = PQerrorMessage(db->conn);
	fw_say("database: %s%s%s", what, detail ? ": " : "", detail ? detail : "");
	if (state && (strcmp(state, "42P01") == 0 || strcmp(state, "42883") == 0 ||
			 strcmp(state, "42703") == 0))
		fw_say("the database is not migrated for this program: firewatchctl db migrate");
	return meaning(state);
}

PGresult *
fw_db_query(
    struct fw_db *db, const char *sql, int count, const Oid *types, const char *const *values)
{
	PGresult *result;

	if (!types && count == 0)
		result = PQexec(db->conn, sql);
	else
		result = PQexecParams(db->conn, sql, count, types, values, NULL, NULL, 0);
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_COPY_IN:
		return result;
	default:
		db->fault = fw_db_told(db, result);
		PQclear(result);
		return NULL;
	}
}

enum fw_exit
fw_db_run(struct fw_db *db, const char *sql)
{
	PGresult *result = fw_db_query(db, sql, 0, NULL, NULL);

	if (!result)
		return db->fault;
	PQclear(result);
	return FW_EXIT_DONE;
}

enum fw_exit
fw_db_open(struct fw_db *db, const char *dsn)
{
	const char *const names[] = {
	    "dbname", "fallback_application_name", "client_encoding", "connect_timeout", NULL};
	const char *const values[] = {dsn, "firewatchctl", "UTF8", "10", NULL};
	enum fw_exit code;

	*db = (struct fw_db){0};
	db->conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(db->conn) != CONNECTION_OK) {
		fw_say("cannot reach the database: %s", PQerrorMessage(db->conn));
		fw_db_close(db);
		return FW_EXIT_UNREACHABLE;
	}
	code = fw_db_run(db,
	    "SET search_path = firewatch, pg_temp; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';"
	    "SET bytea_output = 'hex'; SET client_min_messages = warning");
	if (code != FW_EXIT_DONE)
		fw_db_close(db);
	return code;
}

void
fw_db_close(struct fw_db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
}
