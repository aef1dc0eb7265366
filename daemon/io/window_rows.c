/* SPDX-License-Identifier: Apache-2.0 */
/* Rows -> test windows; see window_rows.h. */
#include "io/window_rows.h"

#include <string.h>

#include "io/pg_columns.h"

void
fw_window_rows(struct fw_windows *windows, const PGresult *rows)
{
	for (int i = 0; i < PQntuples(rows); i++)
		fw_windows_add(
		    windows, &(struct fw_window){
				 .id = fw_get_text(rows, i, 0),
				 .division = fw_get_text(rows, i, 1),
				 .site = fw_get_text(rows, i, 2),
				 .zone = fw_get_text(rows, i, 3),
				 .device = fw_get_text(rows, i, 4),
				 .maintenance = strcmp(fw_get_text(rows, i, 5), "maintenance") == 0,
				 .starts_at_us = fw_get_time(rows, i, 6),
				 .ends_at_us = fw_get_time(rows, i, 7),
				 .over = fw_get_int(rows, i, 8) != 0,
			     });
}
