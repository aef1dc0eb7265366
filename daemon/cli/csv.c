/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of CSV, a byte at a time; see csv.h. */
#include "cli/csv.h"

#include <stdlib.h>

#include "base/mem.h"

enum state {
	FIELD_START,
	PLAIN,
	QUOTED,
	QUOTE_IN_QUOTED, /* its end, or the first of a doubled one */
	CR_SEEN,
};

static const unsigned char byte_order_mark[] = {0xef, 0xbb, 0xbf};

void
fw_csv_init(struct fw_csv *c)
{
	*c = (struct fw_csv){.line = 1, .line_now = 1, .blank = true};
}

void
fw_csv_fini(struct fw_csv *c)
{
	free(c->text);
	*c = (struct fw_csv){0};
}

static void
complain(struct fw_csv *c, const char *fault)
{
	if (c->fault)
		return;
	c->fault = fault;
	c->fault_field = c->count;
}

static void
put(struct fw_csv *c, char byte)
{
	c->text = fw_grow(c->text, &c->text_cap, c->text_bytes + 1, 1);
	c->text[c->text_bytes++] = byte;
}

static void
take(struct fw_csv *c, char byte)
{
	if (c->count == FW_CSV_FIELDS_MAX)
		return;
	if (c->text_bytes - c->field_start == FW_CSV_FIELD_BYTES_MAX)
		complain(c, "longer than 4096 bytes");
	else
		put(c, byte);
}

static void
end_field(struct fw_csv *c)
{
	c->state = FIELD_START;
	if (c->count == FW_CSV_FIELDS_MAX) {
		complain(c, "more than 32 fields");
		return;
	}
	c->fields[c->count].bytes = c->text_bytes - c->field_start;
	c->starts[c->count++] = c->field_start;
	put(c, '\0');
	c->field_start = c->text_bytes;
}

/* The text has moved while it grew, so fields are pointed to it only now. */
static int
end_record(struct fw_csv *c)
{
	end_field(c);
	for (size_t i = 0; i < c->count; i++)
		c->fields[i].text = c->text + c->starts[i];
	c->returned = true;
	return FW_OK;
}

static void
begin_record(struct fw_csv *c)
{
	c->count = c->text_bytes = c->field_start = 0;
	c->fault = NULL;
	c->fault_field = 0;
	c->line = c->line_now;
	c->state = FIELD_START;
	c->returned = false;
	c->blank = true;
}

/* True when the record is complete. */
static bool
end_line(struct fw_csv *c)
{
	if (!c->blank)
		return end_record(c) == FW_OK;
	begin_record(c);
	return false;
}

static void
take_unquoted(struct fw_csv *c, char byte)
{
	switch (byte) {
	case ',':
		end_field(c);
		break;
	case '\r':
		c->state = CR_SEEN;
		break;
	case '"':
		if (c->state == FIELD_START) {
			c->state = QUOTED;
			break;
		}
		complain(c, "a quote inside a field that is not quoted");
		break;
	default:
		c->state = PLAIN;
		take(c, byte);
		break;
	}
}

static void
take_after_quote(struct fw_csv *c, char byte)
{
	if (byte == '"') {
		take(c, byte);
		c->state = QUOTED;
	} else if (byte == ',' || byte == '\r') {
		take_unquoted(c, byte);
	} else {
		complain(c, "text behind the closing quote");
		c->state = PLAIN;
	}
}

static void
take_byte(struct fw_csv *c, char byte)
{
	switch ((enum state)c->state) {
	case FIELD_START:
	case PLAIN:
		take_unquoted(c, byte);
		break;
	case QUOTED:
		if (byte == '"')
			c->state = QUOTE_IN_QUOTED;
		else
			take(c, byte);
		break;
	case QUOTE_IN_QUOTED:
		take_after_quote(c, byte);
		break;
	case CR_SEEN:
		complain(c, "a carriage return that ends no line");
		c->state = PLAIN;
		take_unquoted(c, byte);
		break;
	}
}

/* Anything but a whole mark is text. */
static bool
pass_mark(struct fw_csv *c, char byte)
{
	int seen = c->bom;

	if (seen > 2)
		return false;
	if ((unsigned char)byte == byte_order_mark[seen]) {
		c->bom++;
		return true;
	}
	c->bom = 3;
	c->blank = seen == 0;
	for (int i = 0; i < seen; i++)
		take_byte(c, (char)byte_order_mark[i]);
	return false;
}

int
fw_csv_feed(struct fw_csv *c, const char *bytes, size_t n, size_t *used)
{
	if (c->returned)
		begin_record(c);
	for (size_t i = 0; i < n; i++) {
		if (pass_mark(c, bytes[i]))
			continue;
		c->line_now += bytes[i] == '\n';
		if (bytes[i] == '\n' && c->state != QUOTED) {
			*used = i + 1;
			if (end_line(c))
				return FW_OK;
			continue;
		}
		c->blank = c->blank && bytes[i] == '\r';
		take_byte(c, bytes[i]);
	}
	*used = n;
	return FW_EAGAIN;
}

int
fw_csv_end(struct fw_csv *c)
{
	if (c->returned)
		begin_record(c);
	if (c->bom > 0 && c->bom < 3) {
		c->bom = 3;
		complain(c, "half a byte order mark");
	} else if (c->blank)
		return FW_ENOTFOUND;
	if (c->state == QUOTED)
		complain(c, "the quote is never closed");
	if (c->state == CR_SEEN)
		c->state = PLAIN;
	return end_record(c);
}
