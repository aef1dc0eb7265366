/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a town: which there are, their columns, and what a value must be.  Tables and pure
 * checks. */
#ifndef FW_CLI_TOWN_FILES_H
#define FW_CLI_TOWN_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/csv.h"

#define FW_TOWN_COLUMNS_MAX 13
#define FW_TOWN_WHY_MAX 160
#define FW_TOWN_TIME_MAX 80 /* bytes of a normalised time with its NUL */

/* In the order in which they are told and written. */
enum fw_town_file {
	FW_TOWN_DIVISIONS,
	FW_TOWN_SITES,
	FW_TOWN_DEVICES,
	FW_TOWN_PEOPLE,
	FW_TOWN_DUTY,
	FW_TOWN_POLICIES,
	FW_TOWN_KINDS,
	FW_TOWN_THRESHOLDS,
	FW_TOWN_CLASSIFICATION,
	FW_TOWN_LEVELS,
	FW_TOWN_PROTECTION,
	FW_TOWN_HAZARDS,
	FW_TOWN_FILES,
};

enum fw_town_kind {
	FW_TOWN_CLASS,
	FW_TOWN_CONDITION, /* as the wire contract writes it, of those that raise an alarm */
	FW_TOWN_DATE,
	FW_TOWN_DEVICE,
	FW_TOWN_DIVISION,
	FW_TOWN_ID,      /* up to 64 bytes */
	FW_TOWN_INTEGER, /* least to most */
	FW_TOWN_NAME,    /* up to 256 bytes */
	FW_TOWN_QUANTITY,
	FW_TOWN_REAL,    /* least to most */
	FW_TOWN_TEXT,    /* up to 256 bytes, of several lines */
	FW_TOWN_TIME,    /* RFC 3339 */
	FW_TOWN_WEBHOOK, /* http:// or https:// */
	FW_TOWN_WORD,    /* one of words */
};

struct fw_town_column {
	const char *name; /* NULL ends the list */
	enum fw_town_kind kind;
	bool required; /* the column and a value in each record */
	int least, most;
	const char *words; /* separated by spaces */
};

struct fw_town_spec {
	const char *name; /* without ".csv" */
	struct fw_town_column columns[FW_TOWN_COLUMNS_MAX + 1];
};

extern const struct fw_town_spec fw_town_specs[FW_TOWN_FILES];

/* The place of a column, or -1. */
int fw_town_column_find(const struct fw_town_spec *spec, const char *name, size_t n);

/* Is the value as it must be?  If not, why says what is wrong.  Not for an empty one. */
bool fw_town_check(const struct fw_town_column *column, const struct fw_csv_field *value,
    char why[FW_TOWN_WHY_MAX]);

/* A valid time as UTC to the microsecond: equal times become equal text, which sorts as they do. */
void fw_town_time(const char *text, char out[FW_TOWN_TIME_MAX]);

#endif
