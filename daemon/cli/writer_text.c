/* SPDX-License-Identifier: Apache-2.0 */
/* For a person: aligned columns, whatever the script; see writer.h.  On a terminal the last column
 * ends where its line does. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/say.h"
#include "cli/writer.h"

#define COLUMNS_MOST 32
#define WIDTH_MOST 200 /* every name fits; nothing longer pads the other lines */
#define LAST_LEAST 16  /* columns of a terminal for what comes last */

struct layout {
	int column[COLUMNS_MOST];
	size_t width[COLUMNS_MOST];
	int count;
	size_t most; /* of the last one on a terminal; 0: no limit */
};

static size_t
columns_of(const PGresult *rows, int row, int column)
{
	char *text = row < 0 ? fw_strdup(PQfname(rows, column)) : fw_field_text(rows, row, column);
	size_t columns = fw_say_text(NULL, text, 0);

	free(text);
	return columns;
}

static size_t
terminal_columns(FILE *out)
{
	struct winsize size;

	if (isatty(fileno(out)) != 1 || ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

/* In the order of `shown`, or the result's own. */
static void
choose_columns(const struct fw_part *part, struct layout *l)
{
	const char *at = part->shown;
	char name[64]; /* PostgreSQL's limit */

	for (int k = 0; !at && k < PQnfields(part->rows) && l->count < COLUMNS_MOST; k++)
		l->column[l->count++] = k;
	while (at && *at && l->count < COLUMNS_MOST) {
		size_t n = strcspn(at, " ");

		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		l->column[l->count++] = PQfnumber(part->rows, name);
		at += n + strspn(at + n, " ");
	}
}

static void
lay_out(FILE *out, const struct fw_part *part, struct layout *l)
{
	size_t before = 0, terminal = terminal_columns(out);

	*l = (struct layout){0};
	choose_columns(part, l);
	for (int i = 0; i < l->count; i++)
		for (int row = -1; row < fw_part_rows(part); row++) {
			size_t columns = columns_of(part->rows, row, l->column[i]);

			columns = columns < WIDTH_MOST ? columns : WIDTH_MOST;
			l->width[i] = columns > l->width[i] ? columns : l->width[i];
		}
	for (int i = 0; i + 1 < l->count; i++)
		before += l->width[i] + 2;
	if (terminal)
		l->most = terminal > before + LAST_LEAST ? terminal - before : LAST_LEAST;
}

/* Numbers to the right, texts to the left.  *spaces are owed before the next text, so that none end
 * a line. */
static void
put_cell(
    FILE *out, const struct fw_part *part, const struct layout *l, int row, int i, size_t *spaces)
{
	int column = l->column[i];
	char *text = row < 0 ? fw_strdup(PQfname(part->rows, column))
			     : fw_field_text(part->rows, row, column);
	size_t columns = fw_say_text(NULL, text, 0);
	size_t room = l->width[i] > columns ? l->width[i] - columns : 0;
	bool right = fw_field_is_number(part->rows, column), last = i + 1 == l->count;
	size_t most = last || !l->most ? l->most : WIDTH_MOST;

	*spaces += right ? room : 0;
	if (*text) {
		fprintf(out, "%*s", (int)*spaces, "");
		fw_say_text(out, text, most);
		*spaces = 0;
	}
	*spaces += right ? 2 : room + 2;
	free(text);
}

static void
text_list(FILE *out, const struct fw_part *list)
{
	struct layout l;

	lay_out(out, list, &l);
	for (int row = -1; row < fw_part_rows(list); row++) {
		size_t spaces = 0;

		for (int i = 0; i < l.count; i++)
			put_cell(out, list, &l, row, i, &spaces);
		fputc('\n', out);
	}
}

/* Whole values, one a line; what is empty is not worth one. */
static void
put_fields(FILE *out, const struct fw_part *part)
{
	size_t widest = 0;

	for (int k = 0; k < PQnfields(part->rows); k++) {
		size_t n = strlen(PQfname(part->rows, k));

		widest = n > widest ? n : widest;
	}
	for (int k = 0; k < PQnfields(part->rows); k++) {
		char *text = fw_field_text(part->rows, 0, k);

		if (*text) {
			fprintf(out, "%-*s  ", (int)widest, PQfname(part->rows, k));
			fw_say_text(out, text, 0);
			fputc('\n', out);
		}
		free(text);
	}
}

static void
text_record(FILE *out, const struct fw_part *parts, size_t count)
{
	put_fields(out, &parts[0]);
	for (size_t i = 1; i < count; i++) {
		fprintf(out, "\n%s: %d\n", parts[i].name, fw_part_rows(&parts[i]));
		if (fw_part_rows(&parts[i]))
			text_list(out, &parts[i]);
	}
}

const struct fw_writer fw_writer_text = {"text", text_list, text_record};
