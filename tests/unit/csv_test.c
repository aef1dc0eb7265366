/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of CSV: RFC 4180, faults and limits, and that the places where the bytes are cut make
 * no difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/csv.h"

#define OUT_BYTES 8192

/* "line|field|field!fault\n" of a record. */
static void
write_record(const struct fw_csv *c, char *out)
{
	size_t n = strlen(out);

	n += (size_t)snprintf(out + n, OUT_BYTES - n, "%d", (int)c->line);
	for (size_t i = 0; i < c->count; i++) {
		assert_int_equal(c->fields[i].text[c->fields[i].bytes], '\0');
		n += (size_t)snprintf(out + n, OUT_BYTES - n, "|%s", c->fields[i].text);
	}
	if (c->fault)
		n += (size_t)snprintf(out + n, OUT_BYTES - n, "!%zu %s", c->fault_field, c->fault);
	snprintf(out + n, OUT_BYTES - n, "\n");
}

/* Reads it in pieces of `piece` bytes. */
static void
read_in_pieces(const char *bytes, size_t n, size_t piece, char *out)
{
	struct fw_csv c;

	*out = '\0';
	fw_csv_init(&c);
	for (size_t at = 0; at < n;) {
		size_t some = n - at < piece ? n - at : piece, used = 0;
		char *copy =
		    fw_calloc(some, 1); /* so that a sanitizer sees what is read behind it */
		int got;

		memcpy(copy, bytes + at, some);
		got = fw_csv_feed(&c, copy, some, &used);
		free(copy);
		assert_true(used > 0 && used <= some);
		if (got == FW_OK)
			write_record(&c, out);
		else
			assert_int_equal(used, some);
		at += used;
	}
	if (fw_csv_end(&c) == FW_OK)
		write_record(&c, out);
	assert_int_equal(fw_csv_end(&c), FW_ENOTFOUND);
	fw_csv_fini(&c);
}

static void
assert_read(const char *text, const char *wanted)
{
	char out[OUT_BYTES];

	for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
		read_in_pieces(text, strlen(text), piece, out);
		assert_string_equal(out, wanted);
	}
}

static void
test_records(void **state)
{
	(void)state;
	assert_read("", "");
	assert_read("a,b\nc,d\n", "1|a|b\n2|c|d\n");
	assert_read("a,b\r\nc,d\r\n", "1|a|b\n2|c|d\n");
	assert_read("a,b\nc,d", "1|a|b\n2|c|d\n");
	assert_read("a,b\r\nc,d\r", "1|a|b\n2|c|d\n");
	assert_read(",\n,,", "1||\n2|||\n");
	assert_read("a b , c\n", "1|a b | c\n");
	assert_read("区,西湖\n", "1|区|西湖\n");
}

static void
test_quotes(void **state)
{
	(void)state;
	assert_read("\"a\",\"b,c\"\n", "1|a|b,c\n");
	assert_read("\"say \"\"fire\"\"\",\"\"\"\"\n", "1|say \"fire\"|\"\n");
	assert_read("\"\"\n\"\",\"\"\n", "1|\n2||\n");
	assert_read("\"a\"", "1|a\n");
}

static void
test_lines(void **state)
{
	(void)state;
	assert_read("\"a\nb\",c\nd\n", "1|a\nb|c\n3|d\n");
	assert_read("\"a\r\n\r\nb\"\r\nd\r\n", "1|a\r\n\r\nb\n4|d\n");
	assert_read("\n\na\n\r\n\nb\n\n", "3|a\n6|b\n");
}

static void
test_byte_order_mark(void **state)
{
	(void)state;
	assert_read("\xef\xbb\xbf"
		    "a,b\n",
	    "1|a|b\n");
	assert_read("\xef\xbb\xbf"
		    "\"a\"\n",
	    "1|a\n");
	assert_read("\xef\xbb\xbf", "");
	assert_read("\xef\xbb"
		    "a\n",
	    "1|\xef\xbb"
	    "a\n");
	assert_read("a\n\xef\xbb\xbf"
		    "b\n",
	    "1|a\n2|\xef\xbb\xbf"
	    "b\n");
	assert_read("\xef\xbb", "1|!0 half a byte order mark\n");
}

/* Each fault is told with its field, and the next record is whole. */
static void
test_faults(void **state)
{
	(void)state;
	assert_read("a,b\"c\nd\n", "1|a|bc!1 a quote inside a field that is not quoted\n2|d\n");
	assert_read("\"a\"b,c\nd\n", "1|a|c!0 text behind the closing quote\n2|d\n");
	assert_read("a\rb,c\nd\n", "1|ab|c!0 a carriage return that ends no line\n2|d\n");
	assert_read("a,\"b\nc\n", "1|a|b\nc\n!1 the quote is never closed\n");
}

static void
test_no_byte_is_lost(void **state)
{
	static const char bytes[] = "a\0b,\xff\n";
	struct fw_csv c;
	size_t used = 0;

	(void)state;
	fw_csv_init(&c);
	assert_int_equal(fw_csv_feed(&c, bytes, sizeof(bytes) - 1, &used), FW_OK);
	assert_int_equal(c.count, 2);
	assert_int_equal(c.fields[0].bytes, 3);
	assert_memory_equal(c.fields[0].text, "a\0b", 3);
	assert_int_equal(c.fields[1].bytes, 1);
	fw_csv_fini(&c);
}

static void
test_long_field(void **state)
{
	char bytes[FW_CSV_FIELD_BYTES_MAX + 16];
	struct fw_csv c;
	size_t used = 0;

	(void)state;
	for (size_t over = 0; over <= 1; over++) {
		size_t n = FW_CSV_FIELD_BYTES_MAX + over;

		memset(bytes, 'x', n);
		memcpy(bytes + n, ",y\n", 3);
		fw_csv_init(&c);
		assert_int_equal(fw_csv_feed(&c, bytes, n + 3, &used), FW_OK);
		assert_int_equal(c.fields[0].bytes, FW_CSV_FIELD_BYTES_MAX);
		assert_string_equal(c.fields[1].text, "y");
		if (over)
			assert_string_equal(c.fault, "longer than 4096 bytes");
		else
			assert_null(c.fault);
		fw_csv_fini(&c);
	}
}

static void
test_many_fields(void **state)
{
	char bytes[FW_CSV_FIELDS_MAX + 2];
	struct fw_csv c;
	size_t used = 0;

	(void)state;
	memset(bytes, ',', sizeof(bytes));
	for (size_t commas = FW_CSV_FIELDS_MAX - 1; commas <= FW_CSV_FIELDS_MAX; commas++) {
		fw_csv_init(&c);
		assert_int_equal(fw_csv_feed(&c, bytes, commas, &used), FW_EAGAIN);
		assert_int_equal(fw_csv_feed(&c, "\n", 1, &used), FW_OK);
		assert_int_equal(c.count, FW_CSV_FIELDS_MAX);
		if (commas == FW_CSV_FIELDS_MAX)
			assert_string_equal(c.fault, "more than 32 fields");
		else
			assert_null(c.fault);
		fw_csv_fini(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_byte_order_mark),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_no_byte_is_lost),
	    cmocka_unit_test(test_long_field),
	    cmocka_unit_test(test_many_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
