/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firewatchctl import: the files of a town, checked as one, written as one.
 *
 * In one transaction every file is staged, then the staged town is asked for its faults, then what
 * is new or changed is written.  On any fault the transaction is rolled back.  A town that is as
 * the database has it already is not written at all, so that the daemon hears of changes only.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/import_file.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/town_sql.h"

struct change {
	long long added, changed, removed;
};

struct import {
	struct fw_db db;
	struct fw_import_file files[FW_TOWN_FILES];
	struct change changes[FW_TOWN_FILES];
	struct fw_faults faults, warnings;
	bool has_fire_policy; /* as the database is after it */
};

static bool
is_given(const struct import *im, int file)
{
	return im->files[file].fd >= 0;
}

static void
say_nothing_there(const char *path)
{
	char names[FW_TOWN_FILES * 32];
	size_t n = 0;

	for (int i = 0; i < FW_TOWN_FILES; i++)
		n += (size_t)snprintf(
		    names + n, sizeof(names) - n, "%s%s.csv", i ? ", " : "", fw_town_specs[i].name);
	fw_say("%s: no file of a town is there (%s)", path, names);
}

static bool
is_of_a_town(const char *name)
{
	for (int i = 0; i < FW_TOWN_FILES; i++) {
		size_t n = strlen(fw_town_specs[i].name);

		if (strncmp(name, fw_town_specs[i].name, n) == 0 && strcmp(name + n, ".csv") == 0)
			return true;
	}
	return false;
}

static int
is_misnamed(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && strcasecmp(end, ".csv") == 0 && !is_of_a_town(entry->d_name);
}

/* "policy.csv" would be passed over without a word. */
static void
warn_of_misnamed(int directory)
{
	struct dirent **names = NULL;
	int n = scandirat(directory, ".", &names, is_misnamed, alphasort);

	for (int i = 0; i < n; i++) {
		fw_say("warning: %s is no file of a town and is not read", names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

static enum fw_exit
open_in(struct import *im, int directory, const char *path)
{
	bool any = false;

	for (int i = 0; i < FW_TOWN_FILES; i++) {
		enum fw_exit code =
		    fw_import_file_open(&im->files[i], directory, (enum fw_town_file)i);

		if (code != FW_EXIT_DONE)
			return code;
		any = any || is_given(im, i);
	}
	if (any)
		return FW_EXIT_DONE;
	say_nothing_there(path);
	return FW_EXIT_USAGE;
}

static enum fw_exit
open_files(struct import *im, const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum fw_exit code;

	if (directory < 0) {
		fw_say("cannot open %s: %m", path);
		return FW_EXIT_USAGE;
	}
	warn_of_misnamed(directory);
	code = open_in(im, directory, path);
	close(directory);
	return code;
}

/* PostgreSQL says of a schema that one may not use what it says of one that is not there. */
static enum fw_exit
check_rights(struct import *im)
{
	PGresult *row = fw_db_query(&im->db,
	    "SELECT current_user FROM pg_namespace"
	    " WHERE nspname = 'firewatch' AND NOT has_schema_privilege(oid, 'USAGE')",
	    0, NULL, NULL);
	bool missing;

	if (!row)
		return im->db.fault;
	missing = PQntuples(row) > 0;
	if (missing)
		fw_say("%s has no rights in the database's schema firewatch: import as its owner",
		    PQgetvalue(row, 0, 0));
	PQclear(row);
	return missing ? FW_EXIT_REFUSED : FW_EXIT_DONE;
}

static enum fw_exit
stage(struct import *im, bool *usable)
{
	enum fw_exit code = fw_db_run(&im->db, fw_town_sql_stage);

	*usable = true;
	for (int i = 0; code == FW_EXIT_DONE && i < FW_TOWN_FILES; i++) {
		if (!is_given(im, i))
			continue;
		code = fw_import_file_stage(&im->files[i], &im->db, &im->faults);
		*usable = *usable && !im->files[i].unusable;
	}
	return code;
}

static enum fw_exit
ask(struct import *im, const struct fw_town_question *q, struct fw_faults *to)
{
	PGresult *rows = fw_db_query(&im->db, q->sql, 0, NULL, NULL);
	int count;

	if (!rows)
		return im->db.fault;
	count = PQntuples(rows);
	for (int i = 0; i < count; i++)
		fw_faults_add(to, q->file, strtoll(PQgetvalue(rows, i, 0), NULL, 10),
		    PQgetvalue(rows, i, 1), "%s", PQgetvalue(rows, i, 2));
	if (count > 0)
		fw_faults_count(to, strtoul(PQgetvalue(rows, 0, 3), NULL, 10) - (size_t)count);
	PQclear(rows);
	return FW_EXIT_DONE;
}

/* A file whose header is not understood is as good as absent: every reference to it would be called
 * dangling. */
static enum fw_exit
check(struct import *im)
{
	bool usable;
	enum fw_exit code = stage(im, &usable);

	if (code == FW_EXIT_DONE && usable)
		code = fw_db_run(&im->db, fw_town_sql_prepare);
	for (const struct fw_town_question *q = fw_town_questions;
	     code == FW_EXIT_DONE && usable && q->sql; q++)
		code = ask(im, q, &im->faults);
	for (const struct fw_town_question *q = fw_town_doubts;
	     code == FW_EXIT_DONE && usable && q->sql; q++)
		code = ask(im, q, &im->warnings);
	if (code != FW_EXIT_DONE || im->faults.total == 0)
		return code;
	fw_faults_tell(&im->faults);
	fw_say("nothing is changed; faults: %zu", im->faults.total);
	return FW_EXIT_REFUSED;
}

static enum fw_exit
read_change(struct import *im, const char *sql, struct change *change)
{
	PGresult *row = fw_db_query(&im->db, sql, 0, NULL, NULL);

	if (!row)
		return im->db.fault;
	change->added = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
	change->changed = strtoll(PQgetvalue(row, 0, 1), NULL, 10);
	change->removed = strtoll(PQgetvalue(row, 0, 2), NULL, 10);
	PQclear(row);
	return FW_EXIT_DONE;
}

static bool
is_change(const struct change *change)
{
	return change->added || change->changed || change->removed;
}

static enum fw_exit
write_file(struct import *im, int file)
{
	const struct fw_town_sql *sql = &fw_town_sql[file];
	struct change *change = &im->changes[file];
	enum fw_exit code = fw_db_run(&im->db, sql->compare);

	if (code == FW_EXIT_DONE)
		code = read_change(im, sql->count, change);
	if (code == FW_EXIT_DONE && is_change(change))
		code = fw_db_run(&im->db, sql->apply);
	return code;
}

/* It may be meant, while a town is being set up: no fault. */
static enum fw_exit
ask_policy(struct import *im)
{
	PGresult *row =
	    fw_db_query(&im->db, "SELECT FROM policy WHERE class = 'fire' LIMIT 1", 0, NULL, NULL);

	if (!row)
		return im->db.fault;
	im->has_fire_policy = PQntuples(row) > 0;
	PQclear(row);
	return FW_EXIT_DONE;
}

static void
report(struct import *im)
{
	bool any = false;

	for (int i = 0; i < FW_TOWN_FILES; i++) {
		const struct change *change = &im->changes[i];

		if (!is_given(im, i))
			continue;
		printf("%s %zu (%lld new, %lld changed", fw_town_specs[i].name,
		    im->files[i].records, change->added, change->changed);
		if (change->removed)
			printf(", %lld removed", change->removed);
		puts(")");
		any = any || is_change(change);
	}
	if (!any)
		puts("nothing has changed");
	fw_faults_tell(&im->warnings);
	if (!im->has_fire_policy)
		fw_say(
		    "warning: class fire has no policy: a fire pages only whoever is on duty nearest");
}

static enum fw_exit
import_town(struct import *im)
{
	enum fw_exit code = check_rights(im);

	if (code == FW_EXIT_DONE)
		code = check(im);
	for (int i = 0; code == FW_EXIT_DONE && i < FW_TOWN_FILES; i++)
		if (is_given(im, i))
			code = write_file(im, i);
	if (code == FW_EXIT_DONE)
		code = ask_policy(im);
	if (code == FW_EXIT_DONE)
		code = fw_db_run(&im->db, "COMMIT");
	if (code == FW_EXIT_DONE)
		report(im);
	return code;
}

enum fw_exit
fw_run_import(const struct fw_request *r)
{
	struct import im = {.warnings.prefix = "firewatchctl: warning: "};
	enum fw_exit code;

	for (int i = 0; i < FW_TOWN_FILES; i++)
		im.files[i].fd = -1;
	code = open_files(&im, r->arguments[0]);
	if (code == FW_EXIT_DONE)
		code = fw_db_open(&im.db, r->options[FW_OPTION_DSN]);
	if (code == FW_EXIT_DONE) {
		code = import_town(&im);
		fw_db_close(&im.db);
	}
	for (int i = 0; i < FW_TOWN_FILES; i++)
		fw_import_file_close(&im.files[i]);
	fw_faults_fini(&im.faults);
	fw_faults_fini(&im.warnings);
	return code;
}
