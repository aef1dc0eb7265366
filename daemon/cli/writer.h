/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command found, written as text for a person, or as JSON or CSV for a program: one table of
 * writers, and the commands do not know which one it is.
 *
 * JSON and CSV name every column of the result, text lists those of `shown`.  Times are RFC 3339 in
 * UTC, bytes hexadecimal.  JSON holds numbers exactly as the database gives them: a uint64 sequence
 * may exceed what a reader keeps in a double.  Control characters from the database reach no
 * terminal: JSON escapes them, text and CSV on a terminal have '?' in their place.
 */
#ifndef FW_CLI_WRITER_H
#define FW_CLI_WRITER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

struct fw_part {
	const char *name; /* its key in JSON, its heading in text */
	/* in a list of text: names of columns, a space between them; NULL: all */
	const char *shown;
	const PGresult *rows;
	int most; /* of the rows; 0: all of them */
};

struct fw_writer {
	const char *name;
	/* JSON: an array of objects.  CSV: RFC 4180 with a header line. */
	void (*list)(FILE *out, const struct fw_part *list);
	/*
	 * The first part is the thing itself, one row; the others are lists of it.  JSON: one
	 * object with the lists inside. CSV: a line for each value, `part,row,name,value`.
	 */
	void (*record)(FILE *out, const struct fw_part *parts, size_t count);
};

/* NULL when there is no such format, which has been said. */
FW_MUST_CHECK const struct fw_writer *fw_writer_find(const char *format);

extern const struct fw_writer fw_writer_text; /* writer_text.c */

/* ---- for writers */

int fw_part_rows(const struct fw_part *part);

/* The value as text in the heap, to be freed; "" for null. */
char *fw_field_text(const PGresult *rows, int row, int column);
bool fw_field_is_number(const PGresult *rows, int column);

#endif
