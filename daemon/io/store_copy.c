/* SPDX-License-Identifier: Apache-2.0 */
/* From columns to rows; see store_copy.h.  Fields have their form already, a length and bytes in
 * network order, so that they are only moved. */
#include "io/store_copy.h"

#include <endian.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

/* Columns of FW_SQL_REPORT in the order of store_batch.c; those before FIRST are the table's,
 * behind its received_day. */
enum { RECEIVED = 7, FIRST = 13, LENGTH = 14, COLUMNS = 15 };

#define FIELDS (1 + FIRST + 1) /* received_day, columns, reading */
#define ARRAY_HEADER_BYTES 20
#define ELEMENT_BYTES 12 /* a double with its length */
#define FLOAT8 701       /* its type */

static const char signature[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";

struct cursor {
	const uint8_t *at[COLUMNS];
	uint8_t *out;
};

static uint32_t
get_32(const uint8_t *at)
{
	uint32_t bits;

	memcpy(&bits, at, 4);
	return be32toh(bits);
}

static int64_t
get_64(const uint8_t *at)
{
	uint64_t bits;

	memcpy(&bits, at, 8);
	return (int64_t)be64toh(bits);
}

static void
put_16(struct cursor *c, uint16_t value)
{
	value = htobe16(value);
	memcpy(c->out, &value, 2);
	c->out += 2;
}

static void
put_32(struct cursor *c, uint32_t value)
{
	value = htobe32(value);
	memcpy(c->out, &value, 4);
	c->out += 4;
}

/* Moves one field, which may be null. */
static void
move(struct cursor *c, size_t column)
{
	uint32_t length = get_32(c->at[column]);
	size_t n = length == UINT32_MAX ? 4 : 4 + (size_t)length;

	memcpy(c->out, c->at[column], n);
	c->out += n;
	c->at[column] += n;
}

static void
put_day(struct cursor *c)
{
	int64_t t_us = get_64(c->at[RECEIVED] + 4); /* since 2000, as days are */
	int64_t day = t_us / FW_DAY - (t_us % FW_DAY < 0);

	put_32(c, 4);
	put_32(c, (uint32_t)(int32_t)day);
}

static void
put_readings(struct cursor *c, const struct fw_columns *readings)
{
	uint32_t first = get_32(c->at[FIRST] + 4), count = get_32(c->at[LENGTH] + 4);
	size_t n = (size_t)count * ELEMENT_BYTES;

	c->at[FIRST] += 8;
	c->at[LENGTH] += 8;
	if (count == 0) {
		put_32(c, UINT32_MAX);
		return;
	}
	put_32(c, (uint32_t)(ARRAY_HEADER_BYTES + n));
	put_32(c, 1); /* dimension */
	put_32(c, 0); /* no nulls */
	put_32(c, FLOAT8);
	put_32(c, count);
	put_32(c, 1); /* lower bound */
	memcpy(c->out,
	    readings->column[0].bytes + ARRAY_HEADER_BYTES + (first - 1) * (size_t)ELEMENT_BYTES,
	    n);
	c->out += n;
}

void
fw_copy_reports(struct fw_batch *b)
{
	const struct fw_columns *columns = &b->columns[FW_SQL_REPORT];
	size_t most = sizeof(signature) + columns->bytes + b->readings.bytes +
		      columns->rows * (2 + 8 + 4 + ARRAY_HEADER_BYTES) + 2;
	struct cursor c;

	b->copy = fw_grow(b->copy, &b->copy_cap, most, 1);
	c.out = b->copy;
	memcpy(c.out, signature, sizeof(signature));
	c.out += sizeof(signature);
	for (size_t i = 0; i < COLUMNS; i++)
		c.at[i] = columns->column[i].bytes + ARRAY_HEADER_BYTES;
	for (size_t row = 0; row < columns->rows; row++) {
		put_16(&c, FIELDS);
		put_day(&c);
		for (size_t i = 0; i < FIRST; i++)
			move(&c, i);
		put_readings(&c, &b->readings);
	}
	put_16(&c, UINT16_MAX);
	b->copy_len = (size_t)(c.out - b->copy);
}
