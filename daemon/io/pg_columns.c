/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's binary format; see pg_columns.h.  Integers are in network order, an array is a
 * header and sized elements. */
#include "io/pg_columns.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"

#define HEADER_BYTES 20 /* dimensions, nulls, element type, length, lower bound */
#define EPOCH_2000_US ((int64_t)946684800 * FW_S)
#define LEAST_TIME_US \
	((int64_t)-62135596800 * FW_S) /* year 1: the server refuses what is long before */

void
fw_columns_init(struct fw_columns *c, const char *types)
{
	size_t n = strlen(types);

	assert(n > 0 && n <= FW_COLUMNS_MAX);
	memset(c, 0, sizeof(*c));
	c->count = n;
	for (size_t i = 0; i < n; i++)
		c->column[i].type = types[i];
	fw_columns_reset(c);
}

void
fw_columns_fini(struct fw_columns *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->column[i].bytes);
	c->count = 0;
}

void
fw_columns_reset(struct fw_columns *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct fw_column *k = &c->column[i];

		k->bytes = fw_grow(k->bytes, &k->cap, HEADER_BYTES, 1);
		k->used = HEADER_BYTES;
		k->has_null = false;
	}
	c->next = c->rows = c->bytes = 0;
}

/* Room for an element of `n` bytes behind its length; the field counts as put. */
static uint8_t *
put(struct fw_columns *c, size_t n)
{
	struct fw_column *k = &c->column[c->next];
	uint32_t length = htobe32((uint32_t)n);
	uint8_t *at;

	assert(n <= INT32_MAX);
	k->bytes = fw_grow(k->bytes, &k->cap, k->used + 4 + n, 1);
	at = k->bytes + k->used;
	memcpy(at, &length, 4);
	k->used += 4 + n;
	c->bytes += 4 + n;
	if (++c->next == c->count) {
		c->next = 0;
		c->rows++;
	}
	return at + 4;
}

static void
put_16(struct fw_columns *c, uint16_t bits)
{
	bits = htobe16(bits);
	memcpy(put(c, 2), &bits, 2);
}

static void
put_32(struct fw_columns *c, uint32_t bits)
{
	bits = htobe32(bits);
	memcpy(put(c, 4), &bits, 4);
}

static void
put_64(struct fw_columns *c, uint64_t bits)
{
	bits = htobe64(bits);
	memcpy(put(c, 8), &bits, 8);
}

void
fw_put_int(struct fw_columns *c, int64_t value)
{
	switch (c->column[c->next].type) {
	case '2':
		assert(value >= INT16_MIN && value <= INT16_MAX);
		put_16(c, (uint16_t)value);
		return;
	case '4':
		assert(value >= INT32_MIN && value <= INT32_MAX);
		put_32(c, (uint32_t)value);
		return;
	case '8':
		put_64(c, (uint64_t)value);
		return;
	case 'b':
		*put(c, 1) = value != 0;
		return;
	default:
		assert(!"an integer in a column of another type");
	}
}

void
fw_put_double(struct fw_columns *c, double value)
{
	uint64_t bits;

	assert(c->column[c->next].type == 'f');
	memcpy(&bits, &value, sizeof(bits));
	put_64(c, bits);
}

void
fw_put_text_n(struct fw_columns *c, const char *text, size_t n)
{
	char *out;

	assert(c->column[c->next].type == 't');
	out = (char *)put(c, n);
	if (n)
		memcpy(out, text, n);
	if (fw_text_valid(text, n))
		return;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)out[i] >= 0x80 || out[i] == '\0')
			out[i] = '?';
}

void
fw_put_text(struct fw_columns *c, const char *text)
{
	if (text)
		fw_put_text_n(c, text, strlen(text));
	else
		fw_put_null(c);
}

void
fw_put_bytes(struct fw_columns *c, const void *bytes, size_t n)
{
	uint8_t *out;

	assert(c->column[c->next].type == 'y');
	out = put(c, n);
	if (n)
		memcpy(out, bytes, n);
}

void
fw_put_time(struct fw_columns *c, int64_t t_us)
{
	assert(c->column[c->next].type == 'm');
	if (t_us == FW_NEVER) {
		put_64(c, (uint64_t)INT64_MAX);
		return;
	}
	if (t_us < LEAST_TIME_US)
		t_us = LEAST_TIME_US;
	put_64(c, (uint64_t)(t_us - EPOCH_2000_US));
}

void
fw_put_time_or_null(struct fw_columns *c, int64_t t_us)
{
	if (t_us)
		fw_put_time(c, t_us);
	else
		fw_put_null(c);
}

void
fw_put_null(struct fw_columns *c)
{
	struct fw_column *k = &c->column[c->next];

	k->has_null = true;
	memset(put(c, 0) - 4, 0xff, 4);
}

static uint32_t
element_type(char type)
{
	switch (type) {
	case '2':
		return 21;
	case '4':
		return 23;
	case '8':
		return 20;
	case 'b':
		return 16;
	case 'f':
		return 701;
	case 't':
		return 25;
	case 'y':
		return 17;
	case 'm':
		return 1184;
	default:
		assert(!"no such column type");
		return 0;
	}
}

void
fw_columns_params(struct fw_columns *c, const char **values, int *lengths, int *formats)
{
	assert(c->next == 0);
	for (size_t i = 0; i < c->count; i++) {
		struct fw_column *k = &c->column[i];
		uint32_t header[] = {htobe32(1), htobe32(k->has_null),
		    htobe32(element_type(k->type)), htobe32((uint32_t)c->rows), htobe32(1)};

		assert(k->used <= INT_MAX);
		memcpy(k->bytes, header, HEADER_BYTES);
		values[i] = (const char *)k->bytes;
		lengths[i] = (int)k->used;
		formats[i] = 1;
	}
}

/* ---------------------------------------------------------------- rows that were put */

static size_t
element_bytes(const uint8_t *at)
{
	uint32_t length;

	memcpy(&length, at, 4);
	return length == UINT32_MAX ? 4 : 4 + (size_t)be32toh(length);
}

static size_t
offset_of(const struct fw_column *k, size_t row)
{
	size_t at = HEADER_BYTES;

	for (; row > 0; row--)
		at += element_bytes(k->bytes + at);
	return at;
}

void
fw_columns_copy(struct fw_columns *c, const struct fw_columns *from_columns, size_t from, size_t to)
{
	assert(c->next == 0 && c->count == from_columns->count && from <= to);
	for (size_t i = 0; i < c->count; i++) {
		const struct fw_column *source = &from_columns->column[i];
		struct fw_column *k = &c->column[i];
		size_t start = offset_of(source, from), n = 0;

		for (size_t row = from; row < to; row++)
			n += element_bytes(source->bytes + start + n);
		k->bytes = fw_grow(k->bytes, &k->cap, k->used + n, 1);
		memcpy(k->bytes + k->used, source->bytes + start, n);
		k->used += n;
		k->has_null |= source->has_null;
		c->bytes += n;
	}
	c->rows += to - from;
}

void
fw_columns_remove(struct fw_columns *c, size_t row)
{
	assert(c->next == 0 && row < c->rows);
	for (size_t i = 0; i < c->count; i++) {
		struct fw_column *k = &c->column[i];
		size_t at = offset_of(k, row), n = element_bytes(k->bytes + at);

		memmove(k->bytes + at, k->bytes + at + n, k->used - at - n);
		k->used -= n;
		c->bytes -= n;
	}
	c->rows--;
}

static uint64_t
big_endian(const char *bytes, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)bytes[i];
	return value;
}

static int64_t
signed_integer(const char *bytes, size_t n)
{
	switch (n) {
	case 1:
		return *bytes != 0;
	case 2:
		return (int16_t)big_endian(bytes, 2);
	case 4:
		return (int32_t)big_endian(bytes, 4);
	case 8:
		return (int64_t)big_endian(bytes, 8);
	default:
		return 0;
	}
}

const uint8_t *
fw_columns_field(const struct fw_columns *c, size_t column, size_t row, size_t *length)
{
	const struct fw_column *k = &c->column[column];
	const uint8_t *at = k->bytes + offset_of(k, row);

	*length = element_bytes(at) - 4;
	return at[0] == 0xff ? NULL : at + 4;
}

int64_t
fw_columns_int(const struct fw_columns *c, size_t column, size_t row)
{
	size_t n;
	const uint8_t *bytes = fw_columns_field(c, column, row, &n);

	return bytes ? signed_integer((const char *)bytes, n) : 0;
}

static int64_t
since_1970(int64_t since_2000_us)
{
	return since_2000_us > INT64_MAX - EPOCH_2000_US ? FW_NEVER : since_2000_us + EPOCH_2000_US;
}

int64_t
fw_columns_time(const struct fw_columns *c, size_t column, size_t row)
{
	size_t n;
	const uint8_t *bytes = fw_columns_field(c, column, row, &n);

	return bytes ? since_1970(signed_integer((const char *)bytes, n)) : 0;
}

/* ---------------------------------------------------------------- rows of answers */

bool
fw_get_null(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) != 0;
}

const char *
fw_get_text(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column);
}

size_t
fw_get_length(const PGresult *rows, int row, int column)
{
	return (size_t)PQgetlength(rows, row, column);
}

int64_t
fw_get_int(const PGresult *rows, int row, int column)
{
	return signed_integer(PQgetvalue(rows, row, column), fw_get_length(rows, row, column));
}

int64_t
fw_get_time(const PGresult *rows, int row, int column)
{
	return fw_get_null(rows, row, column) ? 0 : since_1970(fw_get_int(rows, row, column));
}

double
fw_get_double(const PGresult *rows, int row, int column)
{
	uint64_t bits = (uint64_t)fw_get_int(rows, row, column);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

size_t
fw_get_ints(const PGresult *rows, int row, int column, int64_t *out, size_t most)
{
	const char *bytes = PQgetvalue(rows, row, column);
	size_t n = fw_get_length(rows, row, column), count;

	if (n < HEADER_BYTES)
		return 0; /* null, or an empty array */
	count = (n - HEADER_BYTES) / 12;
	if (count > most)
		count = most;
	for (size_t i = 0; i < count; i++)
		out[i] = (int64_t)big_endian(bytes + HEADER_BYTES + i * 12 + 4, 8);
	return count;
}
