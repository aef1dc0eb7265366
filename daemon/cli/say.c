/* SPDX-License-Identifier: Apache-2.0 */
/* Words for a person at a terminal; see say.h. */
#include "cli/say.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* C0, DEL, and C1 in its UTF-8 form (C2 80 to C2 9F): how many bytes, or 0. */
static size_t
control_bytes(const char *at)
{
	unsigned char c = (unsigned char)at[0], next = c ? (unsigned char)at[1] : 0;

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

static size_t
character_bytes(const char *at)
{
	size_t n = 1;

	while (((unsigned char)at[n] & 0xc0) == 0x80)
		n++;
	return n;
}

size_t
fw_say_text(FILE *out, const char *text, size_t most)
{
	bool cut = most > 0 && fw_say_text(NULL, text, 0) > most;
	size_t columns = 0;

	while (*text) {
		size_t n = control_bytes(text), width = 1;
		char one[8] = "?";

		if (n == 0) {
			n = character_bytes(text);
			memcpy(one, text, n < sizeof(one) ? n : sizeof(one) - 1);
			width = fw_text_width(one);
		}
		if (cut && columns + width > most - 1)
			break;
		if (out)
			fputs(one, out);
		columns += width;
		text += n;
	}
	if (cut) {
		fputs("…", out);
		columns++;
	}
	return columns;
}

void
fw_say(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	for (char *c = text; *c; c++) /* a message of several lines is one sentence here */
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	fputs("firewatchctl: ", stderr);
	fw_say_text(stderr, text, 0);
	fputc('\n', stderr);
	free(text);
}
