/* SPDX-License-Identifier: Apache-2.0 */
/* What of the database is the town: the statements that read it, and their rows as its rows.  Who
 * runs the statements is another's: town_read.h on the event loop, the command line at once. */
#ifndef FW_IO_TOWN_ROWS_H
#define FW_IO_TOWN_ROWS_H

#include <libpq-fe.h>
#include <stddef.h>

#include "io/store_sql.h"
#include "model/town.h"

#define FW_TOWN_STATEMENTS 12

/* To be run in this order, in one snapshot; none has parameters, all answer in binary. */
extern const enum fw_sql fw_town_statements[FW_TOWN_STATEMENTS];

/* Takes rows of the statement, all of them or some.  Returns how many refer to what is not there
 * and are left out. */
size_t fw_town_rows_add(struct fw_town *t, size_t statement, const PGresult *rows);

#endif
