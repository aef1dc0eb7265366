/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the schema to this program's version; see migrate.h. */
#include "cli/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/db.h"
#include "cli/run.h"
#include "cli/say.h"

static enum fw_exit
check_encoding(struct fw_db *db)
{
	const char *encoding = PQparameterStatus(db->conn, "server_encoding");

	if (encoding && strcmp(encoding, "UTF8") == 0)
		return FW_EXIT_DONE;
	fw_say("the database's encoding is %s: make it with ENCODING 'UTF8'",
	    encoding ? encoding : "unknown");
	return FW_EXIT_REFUSED;
}

static PGresult *
ask_recorded(struct fw_db *db, bool *exists)
{
	PGresult *result = fw_db_query(
	    db, "SELECT to_regclass('firewatch.schema_migration') IS NOT NULL", 0, NULL, NULL);

	if (!result)
		return NULL;
	*exists = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	return result;
}

static enum fw_exit
prepare(struct fw_db *db)
{
	bool exists = false;
	PGresult *result = ask_recorded(db, &exists);

	if (!result)
		return db->fault;
	PQclear(result);
	if (exists)
		return FW_EXIT_DONE;
	return fw_db_run(db,
	    "BEGIN;"
	    "CREATE SCHEMA IF NOT EXISTS firewatch;"
	    "CREATE TABLE firewatch.schema_migration ("
	    "	version    integer PRIMARY KEY,"
	    "	name       text NOT NULL,"
	    "	sha256     text NOT NULL,"
	    "	applied_at timestamptz NOT NULL DEFAULT now()"
	    ");"
	    "COMMENT ON TABLE firewatch.schema_migration IS 'Migrations that were applied, with their checksums';"
	    "COMMIT");
}

static enum fw_exit
check_not_newer(struct fw_db *db)
{
	int newest = fw_migration_count ? fw_migrations[fw_migration_count - 1].version : 0;
	PGresult *result = fw_db_query(
	    db, "SELECT coalesce(max(version), 0) FROM firewatch.schema_migration", 0, NULL, NULL);
	int version;

	if (!result)
		return db->fault;
	version = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	if (version <= newest)
		return FW_EXIT_DONE;
	fw_say(
	    "the database has migration %d, this program knows only up to %d: use a newer firewatchctl",
	    version, newest);
	return FW_EXIT_REFUSED;
}

/* *applied tells whether it is recorded; recorded with another checksum is refused. */
static enum fw_exit
check_applied(struct fw_db *db, const struct fw_migration *m, bool *applied)
{
	char version[16];
	const char *values[] = {version, m->text};
	PGresult *result;
	bool same;

	snprintf(version, sizeof(version), "%d", m->version);
	result = fw_db_query(db,
	    "SELECT sha256 = encode(sha256(convert_to($2::text, 'UTF8')), 'hex') FROM firewatch.schema_migration"
	    " WHERE version = $1::integer",
	    2, NULL, values);
	if (!result)
		return db->fault;
	*applied = PQntuples(result) == 1;
	same = *applied && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	if (!*applied || same)
		return FW_EXIT_DONE;
	fw_say(
	    "migration %04d_%s was applied with another text than this program holds (checksum differs)",
	    m->version, m->name);
	return FW_EXIT_REFUSED;
}

static enum fw_exit
record(struct fw_db *db, const struct fw_migration *m)
{
	char version[16];
	const char *values[] = {version, m->name, m->text};
	PGresult *result;

	snprintf(version, sizeof(version), "%d", m->version);
	result = fw_db_query(db,
	    "INSERT INTO firewatch.schema_migration (version, name, sha256)"
	    " VALUES ($1::integer, $2, encode(sha256(convert_to($3::text, 'UTF8')), 'hex'))",
	    3, NULL, values);
	if (!result)
		return db->fault;
	PQclear(result);
	return fw_db_run(db, "COMMIT");
}

static enum fw_exit
apply(struct fw_db *db, const struct fw_migration *m)
{
	enum fw_exit code = fw_db_run(db, "BEGIN; SET LOCAL search_path = firewatch");

	if (code == FW_EXIT_DONE)
		code = fw_db_run(db, m->text);
	if (code == FW_EXIT_DONE)
		code = record(db, m);
	if (code != FW_EXIT_DONE) {
		fw_say("migration %04d_%s failed and was rolled back", m->version, m->name);
		return code;
	}
	printf("applied %04d_%s\n", m->version, m->name);
	return FW_EXIT_DONE;
}

/* Everything applied is checked before anything is applied. */
static enum fw_exit
apply_missing(struct fw_db *db)
{
	size_t count = 0, *missing = fw_calloc(fw_migration_count, sizeof(*missing));
	enum fw_exit code = check_not_newer(db);

	for (size_t i = 0; code == FW_EXIT_DONE && i < fw_migration_count; i++) {
		bool applied = false;

		code = check_applied(db, &fw_migrations[i], &applied);
		if (!applied)
			missing[count++] = i;
	}
	for (size_t i = 0; code == FW_EXIT_DONE && i < count; i++)
		code = apply(db, &fw_migrations[missing[i]]);
	if (code == FW_EXIT_DONE && count == 0)
		puts("up to date");
	free(missing);
	return code;
}

static enum fw_exit
migrate(struct fw_db *db)
{
	enum fw_exit code = check_encoding(db);

	/* The lock is the session's: it goes with the connection. */
	if (code == FW_EXIT_DONE)
		code = fw_db_run(
		    db, "SELECT pg_advisory_lock(hashtext('firewatch.schema_migration'))");
	if (code == FW_EXIT_DONE)
		code = prepare(db);
	if (code == FW_EXIT_DONE)
		code = apply_missing(db);
	return code;
}

static enum fw_exit
print_status(struct fw_db *db, bool exists, size_t *missing)
{
	for (size_t i = 0; i < fw_migration_count; i++) {
		const struct fw_migration *m = &fw_migrations[i];
		bool applied = false;
		enum fw_exit code = exists ? check_applied(db, m, &applied) : FW_EXIT_DONE;

		if (code != FW_EXIT_DONE)
			return code;
		printf("%04d_%s %s\n", m->version, m->name, applied ? "applied" : "missing");
		*missing += !applied;
	}
	return FW_EXIT_DONE;
}

static enum fw_exit
migrate_status(struct fw_db *db)
{
	bool exists = false;
	size_t missing = 0;
	PGresult *result = ask_recorded(db, &exists);
	enum fw_exit code = FW_EXIT_DONE;

	if (!result)
		return db->fault;
	PQclear(result);
	if (exists)
		code = check_not_newer(db);
	if (code == FW_EXIT_DONE)
		code = print_status(db, exists, &missing);
	if (code == FW_EXIT_DONE && missing)
		return FW_EXIT_NOTHING;
	return code;
}

static enum fw_exit
with_database(const struct fw_request *r, enum fw_exit (*what)(struct fw_db *db))
{
	struct fw_db db;
	enum fw_exit code = fw_db_open(&db, r->options[FW_OPTION_DSN]);

	if (code != FW_EXIT_DONE)
		return code;
	code = what(&db);
	fw_db_close(&db);
	return code;
}

enum fw_exit
fw_run_migrate(const struct fw_request *r)
{
	return with_database(r, migrate);
}

enum fw_exit
fw_run_migrate_status(const struct fw_request *r)
{
	return with_database(r, migrate_status);
}
