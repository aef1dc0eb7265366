/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the town; see town_rows.h. */
#include "io/town_rows.h"

#include "base/time.h"
#include "io/pg_columns.h"

const enum fw_sql fw_town_statements[FW_TOWN_STATEMENTS] = {
    FW_SQL_READ_DIVISIONS,
    FW_SQL_READ_SITES,
    FW_SQL_READ_DEVICES,
    FW_SQL_READ_PEOPLE,
    FW_SQL_READ_DUTY,
    FW_SQL_READ_POLICIES,
};

static void
add_policy(struct fw_town *t, const PGresult *rows, int row)
{
	enum fw_class class = fw_class_of(fw_get_text(rows, row, 0));

	if (class < FW_CLASSES)
		fw_town_add_policy(t, class, fw_get_text(rows, row, 1), fw_get_text(rows, row, 2),
		    (int)fw_get_int(rows, row, 3), fw_get_int(rows, row, 4) * FW_S,
		    fw_get_text(rows, row, 5), fw_get_text(rows, row, 6));
}

static int
add_row(struct fw_town *t, enum fw_sql statement, const PGresult *rows, int row)
{
	const char *f[7];

	for (int i = 0; i < 7; i++)
		f[i] = i < PQnfields(rows) ? fw_get_text(rows, row, i) : "";
	switch (statement) {
	case FW_SQL_READ_DIVISIONS:
		fw_town_add_division(t, f[0], f[1], f[2], f[3]);
		break;
	case FW_SQL_READ_SITES:
		return fw_town_add_site(t, f[0], f[1], f[2], f[3], f[4], f[5], f[6]);
	case FW_SQL_READ_DEVICES:
		fw_town_add_device(
		    t, f[0], f[1], f[2], f[3], f[4], f[5], (int32_t)fw_get_int(rows, row, 6));
		break;
	case FW_SQL_READ_PEOPLE:
		fw_town_add_person(t, f[0], f[1], f[2], f[3], f[4]);
		break;
	case FW_SQL_READ_DUTY:
		return fw_town_add_duty(t, f[0], f[1], f[2], f[3], fw_get_time(rows, row, 4),
		    fw_get_time(rows, row, 5));
	case FW_SQL_READ_POLICIES:
		add_policy(t, rows, row);
		break;
	default:
		break;
	}
	return FW_OK;
}

size_t
fw_town_rows_add(struct fw_town *t, size_t statement, const PGresult *rows)
{
	size_t dangling = 0;

	for (int i = 0; i < PQntuples(rows); i++)
		if (add_row(t, fw_town_statements[statement], rows, i) != FW_OK)
			dangling++;
	return dangling;
}
