/* SPDX-License-Identifier: Apache-2.0 */
/* See rows.h. */
#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

PGresult *
fw_rows_new(const struct fw_column *columns, int count)
{
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc *described = fw_calloc((size_t)count, sizeof(*described));

	for (int i = 0; i < count; i++) {
		described[i].name = (char *)columns[i].name;
		described[i].typid = columns[i].type;
		described[i].typlen = -1;
		described[i].atttypmod = -1;
	}
	if (!rows || !PQsetResultAttrs(rows, count, described))
		abort();
	free(described);
	return rows;
}

void
fw_rows_set(PGresult *rows, int row, int column, const char *text)
{
	if (!PQsetvalue(rows, row, column, (char *)text, text ? (int)strlen(text) : -1))
		abort();
}
