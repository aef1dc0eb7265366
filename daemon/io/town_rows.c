/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the town; see town_rows.h. */
#include "io/town_rows.h"

#include <string.h>

#include "base/time.h"
#include "io/pg_columns.h"

const enum fw_sql fw_town_statements[FW_TOWN_STATEMENTS] = {
    FW_SQL_READ_DIVISIONS,
    FW_SQL_READ_SITES,
    FW_SQL_READ_KINDS,
    FW_SQL_READ_THRESHOLDS,
    FW_SQL_READ_OVERRIDES,
    FW_SQL_READ_LEVELS,
    FW_SQL_READ_LIMITS,
    FW_SQL_READ_PROTECTIONS,
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

/* ---------------------------------------------------------------- the rulebook */

static void
add_kind(struct fw_town *t, const PGresult *rows, int row)
{
	fw_rulebook_add_kind(
	    fw_town_rulebook(t), &(struct fw_kind){.name = fw_get_text(rows, row, 0),
				     .heartbeat_s = (int32_t)fw_get_int(rows, row, 1),
				     .missed = (uint32_t)fw_get_int(rows, row, 2),
				     .mains = fw_get_int(rows, row, 3) != 0});
}

static void
add_threshold(struct fw_town *t, const PGresult *rows, int row)
{
	const char *f[11];
	struct fw_threshold line;

	for (int i = 0; i < 11; i++)
		f[i] = fw_get_text(rows, row, i);
	line = (struct fw_threshold){
	    .who = {.kind = f[1],
		.category = f[2],
		.risk = f[3],
		.site = f[4],
		.device = f[5],
		.town = strcmp(f[6], "town") == 0},
	    .quantity = fw_quantity_of(f[0]),
	    .class = fw_class_of(f[7]),
	    .below = strcmp(f[8], "below") == 0,
	    .reason = f[9],
	    .source = f[10],
	    .off = fw_get_null(rows, row, 11),
	    .raise = fw_get_double(rows, row, 11),
	    .clear = fw_get_double(rows, row, 12),
	    .delay_us = fw_get_int(rows, row, 13) * FW_S,
	    .window_us = fw_get_int(rows, row, 14) * FW_S,
	};
	if (line.class < FW_CLASSES)
		fw_rulebook_add_threshold(fw_town_rulebook(t), &line);
}

static int32_t
code_or_any(const PGresult *rows, int row, int column)
{
	return fw_get_null(rows, row, column) ? FW_ANY : (int32_t)fw_get_int(rows, row, column);
}

static void
add_override(struct fw_town *t, const PGresult *rows, int row)
{
	const struct fw_override line = {
	    .condition = fw_condition_of(fw_get_text(rows, row, 0)),
	    .kind = fw_get_text(rows, row, 1),
	    .category = fw_get_text(rows, row, 2),
	    .model = fw_get_text(rows, row, 3),
	    .class = fw_class_of(fw_get_text(rows, row, 4)),
	    .severity = fw_severity_of(fw_get_text(rows, row, 5)),
	    .reason = fw_get_text(rows, row, 6),
	    .component_type = code_or_any(rows, row, 7),
	    .system_type = code_or_any(rows, row, 8),
	};

	if (line.condition != FW_CONDITION_UNSPECIFIED && line.class < FW_CLASSES &&
	    line.severity < FW_SEVERITIES)
		fw_rulebook_add_override(fw_town_rulebook(t), &line);
}

static void
add_level(struct fw_town *t, const PGresult *rows, int row)
{
	fw_rulebook_set_level(fw_town_rulebook(t), fw_level_of(fw_get_text(rows, row, 0)),
	    &(struct fw_level){.extra_role = fw_get_text(rows, row, 1),
		.timeout_percent = (uint32_t)fw_get_int(rows, row, 2),
		.pre_alarm_is_alarm = fw_get_int(rows, row, 3) != 0});
}

static void
add_limit(struct fw_town *t, const PGresult *rows, int row)
{
	const struct fw_hazard_limit line = {
	    .class = fw_class_of(fw_get_text(rows, row, 0)),
	    .kind = fw_get_text(rows, row, 1),
	    .category = fw_get_text(rows, row, 2),
	    .role = fw_get_text(rows, row, 3),
	    .major = strcmp(fw_get_text(rows, row, 4), "major") == 0,
	    .limit_us = fw_get_int(rows, row, 5) * FW_S,
	    .deadline_us = fw_get_int(rows, row, 6) * FW_S,
	};

	if (line.class < FW_CLASSES)
		fw_rulebook_add_limit(fw_town_rulebook(t), &line);
}

static int
add_rule(struct fw_town *t, enum fw_sql statement, const PGresult *rows, int row)
{
	switch (statement) {
	case FW_SQL_READ_KINDS:
		add_kind(t, rows, row);
		break;
	case FW_SQL_READ_THRESHOLDS:
		add_threshold(t, rows, row);
		break;
	case FW_SQL_READ_OVERRIDES:
		add_override(t, rows, row);
		break;
	case FW_SQL_READ_LEVELS:
		add_level(t, rows, row);
		break;
	case FW_SQL_READ_LIMITS:
		add_limit(t, rows, row);
		break;
	case FW_SQL_READ_PROTECTIONS:
		return fw_town_add_protection(t, fw_get_text(rows, row, 0),
		    fw_level_of(fw_get_text(rows, row, 1)), fw_get_time(rows, row, 2),
		    fw_get_time(rows, row, 3));
	default:
		break;
	}
	return FW_OK;
}

/* ---------------------------------------------------------------- all of it */

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
		return add_rule(t, statement, rows, row);
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
