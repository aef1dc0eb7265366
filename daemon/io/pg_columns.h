/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's binary format: rows out as one array parameter for each column, fields of answers
 * in.
 *
 * A table of columns is described by one letter for each column: `2` int2, `4` int4, `8` int8, `b`
 * bool, `f` float8, `t` text, `y` bytea, `m` timestamptz.  A row is put column by column, in order.
 * Its memory grows and is kept for the next rows.
 */
#ifndef FW_IO_PG_COLUMNS_H
#define FW_IO_PG_COLUMNS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FW_COLUMNS_MAX 32

struct fw_column {
	char type;
	bool has_null;
	uint8_t *bytes;
	size_t used, cap;
};

struct fw_columns {
	struct fw_column column[FW_COLUMNS_MAX];
	size_t count; /* of columns */
	size_t next;  /* the column to be put */
	size_t rows;  /* whole ones */
	size_t bytes; /* of all columns */
};

void fw_columns_init(struct fw_columns *c, const char *types);
void fw_columns_fini(struct fw_columns *c);
void fw_columns_reset(struct fw_columns *c);

/* The next field of the row; the last one of it completes the row.  A value must fit its column's
 * type. */
void fw_put_int(struct fw_columns *c, int64_t value); /* 2, 4, 8, b */
void fw_put_double(struct fw_columns *c, double value);
void fw_put_text(struct fw_columns *c,
    const char *text); /* NULL: null; what is not valid UTF-8 is written as '?' */
void fw_put_text_n(struct fw_columns *c, const char *text, size_t n);
void fw_put_bytes(struct fw_columns *c, const void *bytes, size_t n);
void fw_put_time(
    struct fw_columns *c, int64_t t_us); /* microseconds since 1970 UTC; FW_NEVER: infinity */
void fw_put_time_or_null(struct fw_columns *c, int64_t t_us); /* NULL: 0 */
void fw_put_null(struct fw_columns *c);

/* The parameters, one for each column; they point into `c`.  Each array has room for c->count. */
void fw_columns_params(struct fw_columns *c, const char **values, int *lengths, int *formats);

/* Copies the rows from..to of `from_columns` behind those of `c`, which has columns of the same
 * types. */
void fw_columns_copy(
    struct fw_columns *c, const struct fw_columns *from_columns, size_t from, size_t to);
/* Takes one row out. */
void fw_columns_remove(struct fw_columns *c, size_t row);

/* A field that was put, as its bytes in network order; NULL: null.  Walks there from the first row.
 */
const uint8_t *fw_columns_field(
    const struct fw_columns *c, size_t column, size_t row, size_t *length);
int64_t fw_columns_int(const struct fw_columns *c, size_t column, size_t row);  /* 0 for null */
int64_t fw_columns_time(const struct fw_columns *c, size_t column, size_t row); /* likewise */

/* Fields of binary rows. */
bool fw_get_null(const PGresult *rows, int row, int column);
const char *fw_get_text(
    const PGresult *rows, int row, int column);                  /* "" for null; NUL-terminated */
size_t fw_get_length(const PGresult *rows, int row, int column); /* bytes of a text or bytea */
int64_t fw_get_int(
    const PGresult *rows, int row, int column); /* bool, int2, int4, int8; 0 for null */
double fw_get_double(const PGresult *rows, int row, int column); /* float8; 0 for null */
int64_t fw_get_time(
    const PGresult *rows, int row, int column); /* 0 for null, FW_NEVER for infinity */
/* Of an int8[] without nulls at most `most` elements are filled; returns how many. */
size_t fw_get_ints(const PGresult *rows, int row, int column, int64_t *out, size_t most);

#endif
