/* SPDX-License-Identifier: Apache-2.0 */
/* The database as the command line sees it: one synchronous connection whose faults become a
 * sentence and an exit code. */
#ifndef FW_CLI_DB_H
#define FW_CLI_DB_H

#include <libpq-fe.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/exit.h"

/* Types of parameters, so that a statement need not use all of them. */
#define FW_DB_TEXT 25u
#define FW_DB_TIME 1184u
#define FW_DB_BIGINT 20u

struct fw_db {
	PGconn *conn;
	enum fw_exit fault; /* of the last statement that failed */
};

/* On a fault says it on standard error; then nothing is to be closed. */
FW_MUST_CHECK enum fw_exit fw_db_open(struct fw_db *db, const char *dsn);
void fw_db_close(struct fw_db *db);

/* Rows or no rows, never NULL text; NULL after a fault, which has been told and is in db->fault.
 * types may be NULL: all text. */
FW_MUST_CHECK PGresult *fw_db_query(
    struct fw_db *db, const char *sql, int count, const Oid *types, const char *const *values);

/* For what returns nothing of interest; sql may hold several statements. */
FW_MUST_CHECK enum fw_exit fw_db_run(struct fw_db *db, const char *sql);

/* Says what the server said about a result that failed, and gives the exit code for it. */
enum fw_exit fw_db_told(const struct fw_db *db, const PGresult *result);

#endif
