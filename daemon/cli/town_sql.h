/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of an import, all of them fixed text.  Each file is copied into a temporary table
 * staged_FILE of text, with the line of each record; a value that is at fault is NULL there, one
 * that is not given is ''.
 *
 * Triggers for each statement tell the daemon, also about no rows: a statement that changes the
 * town is run only when it will.
 */
#ifndef FW_CLI_TOWN_SQL_H
#define FW_CLI_TOWN_SQL_H

#include "cli/town_files.h"

struct fw_town_sql {
	const char *copy; /* the line, then the columns in the order of the spec */
	/* makes next_FILE: what is new or changed, against the database as it is */
	const char *compare;
	const char *count; /* one row: how many are new, changed, removed */
	const char *apply;
};

struct fw_town_question {
	enum fw_town_file file;
	const char *sql; /* line, column, what is wrong, how many there are; at most 100 rows, in
			    the order of lines */
};

extern const struct fw_town_sql fw_town_sql[FW_TOWN_FILES];
extern const struct fw_town_question fw_town_questions[]; /* ends with an empty one */
extern const struct fw_town_question fw_town_doubts[]; /* likewise; it may be meant, while a town is
							  being set up */

extern const char fw_town_sql_stage[];   /* begins the transaction and makes the tables */
extern const char fw_town_sql_prepare[]; /* behind the last copy, before the questions */

#endif
