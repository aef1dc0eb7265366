/* SPDX-License-Identifier: Apache-2.0 */
/* Values, JSON and CSV; see writer.h.  The types are told apart by the OIDs of pg_type.dat, which
 * never change. */
#include "cli/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "cli/say.h"

enum {
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_FLOAT8 = 701,
	TYPE_TIMESTAMPTZ = 1184,
	TYPE_NUMERIC = 1700,
};

/* ---------------------------------------------------------------- values */

int
fw_part_rows(const struct fw_part *part)
{
	int rows = PQntuples(part->rows);

	return part->most && part->most < rows ? part->most : rows;
}

bool
fw_field_is_number(const PGresult *rows, int column)
{
	switch (PQftype(rows, column)) {
	case TYPE_INT2:
	case TYPE_INT4:
	case TYPE_INT8:
	case TYPE_FLOAT8:
	case TYPE_NUMERIC:
		return true;
	default:
		return false;
	}
}

/* "2026-11-24 16:40:03.123456+00", as the session's DateStyle and TimeZone make it. */
static char *
time_field(const char *value)
{
	char iso[64], text[FW_TIME_TEXT_MAX];
	int64_t t_us;

	snprintf(iso, sizeof(iso), "%s:00", value);
	return fw_strdup(fw_time_parse(iso, &t_us) == FW_OK ? fw_time_text(t_us, text) : value);
}

char *
fw_field_text(const PGresult *rows, int row, int column)
{
	const char *value = PQgetvalue(rows, row, column);

	if (PQgetisnull(rows, row, column))
		return fw_strdup("");
	switch (PQftype(rows, column)) {
	case TYPE_BOOL:
		return fw_strdup(*value == 't' ? "true" : "false");
	case TYPE_BYTEA:
		return fw_strdup(strncmp(value, "\\x", 2) == 0 ? value + 2 : value);
	case TYPE_TIMESTAMPTZ:
		return time_field(value);
	default:
		return fw_strdup(value);
	}
}

/* ---------------------------------------------------------------- JSON */

static void
put_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) /* C1 */
			fprintf(out, "\\u%04x", *++at);
		else
			fputc(*at, out);
	fputc('"', out);
}

/* JSON has no NaN and no infinity. */
static bool
is_finite(const char *number)
{
	return strspn(number, "+-.eE0123456789") == strlen(number);
}

static void
put_json_value(FILE *out, const PGresult *rows, int row, int column)
{
	char *text = fw_field_text(rows, row, column);
	bool number = fw_field_is_number(rows, column);

	if (PQgetisnull(rows, row, column) || (number && !is_finite(text)))
		fputs("null", out);
	else if (number || PQftype(rows, column) == TYPE_BOOL)
		fputs(text, out);
	else
		put_json_string(out, text);
	free(text);
}

static void
put_json_fields(FILE *out, const PGresult *rows, int row)
{
	for (int k = 0; k < PQnfields(rows); k++) {
		fputs(k ? ", " : "", out);
		put_json_string(out, PQfname(rows, k));
		fputs(": ", out);
		put_json_value(out, rows, row, k);
	}
}

/* One object a line. */
static void
put_json_array(FILE *out, const struct fw_part *list)
{
	fputc('[', out);
	for (int i = 0; i < fw_part_rows(list); i++) {
		fputs(i ? ",\n{" : "\n{", out);
		put_json_fields(out, list->rows, i);
		fputc('}', out);
	}
	fputs(fw_part_rows(list) ? "\n]" : "]", out);
}

static void
json_list(FILE *out, const struct fw_part *list)
{
	put_json_array(out, list);
	fputc('\n', out);
}

static void
json_record(FILE *out, const struct fw_part *parts, size_t count)
{
	fputc('{', out);
	put_json_fields(out, parts[0].rows, 0);
	for (size_t i = 1; i < count; i++) {
		fputs(",\n", out);
		put_json_string(out, parts[i].name);
		fputs(": ", out);
		put_json_array(out, &parts[i]);
	}
	fputs("}\n", out);
}

/* ---------------------------------------------------------------- CSV */

static bool
is_terminal(FILE *out)
{
	return isatty(fileno(out)) == 1;
}

static void
put_csv(FILE *out, const char *text, bool terminal)
{
	const char *quote = strpbrk(text, ",\"\r\n") ? "\"" : "";
	char *doubled = fw_calloc(2 * strlen(text) + 1, 1), *end = doubled;

	for (const char *at = text; *at; *end++ = *at++)
		if (*at == '"')
			*end++ = '"';
	fputs(quote, out);
	if (terminal)
		fw_say_text(out, doubled, 0);
	else
		fputs(doubled, out);
	fputs(quote, out);
	free(doubled);
}

static void
put_csv_field(FILE *out, const PGresult *rows, int row, int column, bool terminal)
{
	char *text = fw_field_text(rows, row, column);

	put_csv(out, text, terminal);
	free(text);
}

static void
csv_list(FILE *out, const struct fw_part *list)
{
	const PGresult *rows = list->rows;
	bool terminal = is_terminal(out);

	for (int row = -1; row < fw_part_rows(list); row++) {
		for (int k = 0; k < PQnfields(rows); k++) {
			fputs(k ? "," : "", out);
			if (row < 0)
				put_csv(out, PQfname(rows, k), terminal);
			else
				put_csv_field(out, rows, row, k, terminal);
		}
		fputs("\r\n", out);
	}
}

static void
csv_record(FILE *out, const struct fw_part *parts, size_t count)
{
	bool terminal = is_terminal(out);

	fputs("part,row,name,value\r\n", out);
	for (size_t i = 0; i < count; i++)
		for (int row = 0; row < fw_part_rows(&parts[i]); row++)
			for (int k = 0; k < PQnfields(parts[i].rows); k++) {
				fprintf(out, "%s,%d,%s,", parts[i].name, row + 1,
				    PQfname(parts[i].rows, k));
				put_csv_field(out, parts[i].rows, row, k, terminal);
				fputs("\r\n", out);
			}
}

/* ---------------------------------------------------------------- the table */

static const struct fw_writer writer_json = {"json", json_list, json_record};
static const struct fw_writer writer_csv = {"csv", csv_list, csv_record};

const struct fw_writer *
fw_writer_find(const char *format)
{
	const struct fw_writer *const writers[] = {&fw_writer_text, &writer_json, &writer_csv};

	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
		if (strcmp(writers[i]->name, format) == 0)
			return writers[i];
	fw_say("--output is text, json or csv, not %s", format);
	return NULL;
}
