/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by hand, independent of the locale; see text.h. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

#include "base/text_ranges.h"

#define DEVICE_MAX 64
#define DIVISION_MIN 6
#define DIVISION_MAX 15

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the valid character that begins here, with its code point; 0: there is none. */
static size_t
decode(const unsigned char *at, size_t left, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = at[0] < 0x80   ? 1
		   : at[0] < 0xc2 ? 0
		   : at[0] < 0xe0 ? 2
		   : at[0] < 0xf0 ? 3
		   : at[0] < 0xf5 ? 4
				  : 0;
	uint32_t c = n == 1 ? at[0] : at[0] & (0x7fu >> n);

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (!is_continuation(at[i]))
			return 0;
		c = c << 6 | (at[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return n;
}

bool
fw_text_valid(const char *bytes, size_t n)
{
	const unsigned char *at = (const unsigned char *)bytes;
	uint32_t c;
	size_t len;

	for (; n > 0; at += len, n -= len) {
		len = decode(at, n, &c);
		if (len == 0 || c == 0)
			return false;
	}
	return true;
}

static bool
is_in(const struct range *ranges, size_t count, uint32_t c)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c < ranges[middle].first)
			high = middle;
		else if (c > ranges[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

static size_t
columns_of(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	if (c < zero_width[0].first)
		return 1;
	if (is_in(wide, sizeof(wide) / sizeof(wide[0]), c))
		return 2;
	return is_in(zero_width, sizeof(zero_width) / sizeof(zero_width[0]), c) ? 0 : 1;
}

/* A byte that is not of a valid character counts as one column: it is shown as a replacement. */
size_t
fw_text_width(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = strlen(text), width = 0;

	while (left > 0) {
		uint32_t c = 0;
		size_t n = decode(at, left, &c);

		width += n ? columns_of(c) : 1;
		n = n ? n : 1;
		at += n;
		left -= n;
	}
	return width;
}

size_t
fw_text_cut(const char *text, size_t n, size_t most)
{
	if (n <= most)
		return n;
	while (most > 0 && is_continuation((unsigned char)text[most]))
		most--;
	return most;
}

bool
fw_text_is_device(const char *bytes, size_t n)
{
	if (n < 1 || n > DEVICE_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != ':' &&
		    c != '-')
			return false;
	}
	return true;
}

bool
fw_text_is_division(const char *bytes, size_t n)
{
	if (n < DIVISION_MIN || n > DIVISION_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] < '0' || bytes[i] > '9')
			return false;
	return true;
}
