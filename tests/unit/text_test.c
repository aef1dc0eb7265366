/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: every code point, every wrong form, widths as terminals have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* Encodes anything below 2^21 in the given number of bytes, right or wrong. */
static void
encode(uint32_t c, size_t n, char out[5])
{
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	memset(out, 0, 5);
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
}

static size_t
shortest(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void
valid_is_rfc_3629(void **context)
{
	static const uint32_t beyond[] = {0, 0x80, 0x800, 0x10000, 0x200000};
	char bytes[5];

	(void)context;
	for (size_t n = 1; n <= 4; n++)
		for (uint32_t c = 0; c < beyond[n]; c++) {
			bool good = c != 0 && n == shortest(c) && c <= 0x10ffff &&
				    (c < 0xd800 || c > 0xdfff);

			encode(c, n, bytes);
			if (fw_text_valid(bytes, n) != good)
				fail_msg("U+%04X in %zu bytes", (unsigned)c, n);
			if (n > 1 && fw_text_valid(bytes, n - 1))
				fail_msg("U+%04X cut", (unsigned)c);
		}
	assert_true(fw_text_valid("", 0));
	assert_true(fw_text_valid("浙江省义乌市 A", strlen("浙江省义乌市 A")));
	assert_false(fw_text_valid("a\0b", 3));
	assert_false(fw_text_valid("\x80", 1));
	assert_false(fw_text_valid("\xff", 1));
	assert_false(fw_text_valid("\xe6\x95q", 3));
}

static void
width_is_in_columns(void **context)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = {
	    {"", 0},
	    {"device-01", 9},
	    {"敬老院", 6},
	    {"A座3楼", 6},
	    {"（甲）", 6},
	    {"ｆｉｒｅ", 8},
	    {"ﾊﾝｶｸ", 4},
	    {"한글", 4},
	    {"\u1112\u1161\u11ab", 2}, /* the same syllable in parts */
	    {"e\u0301te\u0301", 3},
	    {"🔥🚒", 4},
	    {"\u200b\u200d\ufeff", 0},
	    {"🧑\u200d🚒", 4},
	    {"𠮷", 2},
	    {"é°±", 3},
	    {"\t\x1b", 0},
	    {"\xff\xe6", 2},
	};

	(void)context;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (fw_text_width(cases[i].text) != cases[i].width)
			fail_msg(
			    "\"%s\": %zu columns", cases[i].text, fw_text_width(cases[i].text));
}

static void
cut_keeps_characters_whole(void **context)
{
	const char *text = "a敬é🔥b";
	const size_t n = strlen(text);
	static const size_t ends[] = {0, 1, 4, 6, 10, 11};

	(void)context;
	for (size_t most = 0; most < n + 3; most++) {
		size_t expected = 0;

		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (ends[i] <= most)
				expected = ends[i];
		assert_int_equal(fw_text_cut(text, n, most), expected);
	}
}

static void
names_are_strict(void **context)
{
	char longest[66];

	(void)context;
	memset(longest, 'x', sizeof(longest));
	assert_true(fw_text_is_device(longest, 64));
	assert_false(fw_text_is_device(longest, 65));
	assert_false(fw_text_is_device("", 0));
	assert_true(fw_text_is_device("Az09_.:-", 8));
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool good =
		    c &&
		    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-", c);

		assert_int_equal(fw_text_is_device(&byte, 1), good);
	}
	assert_true(fw_text_is_division("330782", 6));
	assert_true(fw_text_is_division("330782001002003", 15));
	assert_false(fw_text_is_division("33078", 5));
	assert_false(fw_text_is_division("3307820010020034", 16));
	assert_false(fw_text_is_division("33078a", 6));
	assert_false(fw_text_is_division("33078\0", 6));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid_is_rfc_3629),
	    cmocka_unit_test(width_is_in_columns),
	    cmocka_unit_test(cut_keeps_characters_whole),
	    cmocka_unit_test(names_are_strict),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
