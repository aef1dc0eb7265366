/* SPDX-License-Identifier: Apache-2.0 */
/* A result that no database has given, for the writers. */
#ifndef FW_CLI_ROWS_H
#define FW_CLI_ROWS_H

#include <libpq-fe.h>

struct fw_column {
	const char *name;
	Oid type; /* FW_DB_TEXT or FW_DB_BIGINT (db.h) */
};

/* Without rows; freed with PQclear. */
PGresult *fw_rows_new(const struct fw_column *columns, int count);

/* The text is copied; NULL: null.  A row is there as soon as one of its values is, in order. */
void fw_rows_set(PGresult *rows, int row, int column, const char *text);

#endif
