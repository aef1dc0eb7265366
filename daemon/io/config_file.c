/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file; see config_file.h.  The file is read whole and checked line by line, then
 * inih takes it apart: it asks for one line at a time and calls back for each, so the reader knows
 * the line's number.
 */
#include "io/config_file.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define FILE_MAX_BYTES (256 * 1024)
#define LINE_MAX_BYTES 2400
#define BOM "\xef\xbb\xbf"

struct reading {
	const char *path;
	struct fw_settings *settings;
	char *text, *at; /* the file, and its next line */
	size_t size;
	int line;
	int *set_on_line; /* of each setting of the table; 0: not set yet */
	char *why;
	size_t why_size;
	int error;
};

static void FW_PRINTF(3, 4) fault(struct reading *r, int error, const char *format, ...)
{
	char what[256];
	va_list args;

	if (r->error)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (r->line)
		snprintf(r->why, r->why_size, "%s:%d: %s", r->path, r->line, what);
	else
		snprintf(r->why, r->why_size, "%s: %s", r->path, what);
	r->error = error;
}

static void
read_whole(struct reading *r)
{
	FILE *f = fopen(r->path, "re");

	if (!f) {
		fault(r, errno == ENOENT ? FW_ENOTFOUND : FW_EIO, "%s", strerror(errno));
		return;
	}
	r->text = fw_calloc(FILE_MAX_BYTES + 2, 1);
	r->size = fread(r->text, 1, FILE_MAX_BYTES + 1, f);
	if (ferror(f))
		fault(r, FW_EIO, "%s", strerror(errno));
	else if (r->size > FILE_MAX_BYTES)
		fault(r, FW_EINVAL, "larger than %d bytes", FILE_MAX_BYTES);
	fclose(f);
	if (r->size >= 3 && memcmp(r->text, BOM, 3) == 0)
		memset(r->text, ' ', 3);
}

/* inih cuts what is too long and stops at NUL, so nothing of that may reach it. */
static void
check_lines(struct reading *r)
{
	const char *end = r->text + r->size;

	for (const char *at = r->text; at < end && !r->error;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - at);

		r->line++;
		if (n > LINE_MAX_BYTES)
			fault(r, FW_EINVAL, "line is longer than %d bytes", LINE_MAX_BYTES);
		else if (!fw_text_valid(at, n))
			fault(r, FW_EINVAL, "not UTF-8 text");
		at += n + 1;
	}
	r->line = 0;
}

static char *
next_line(char *out, int size, void *context)
{
	struct reading *r = context;
	size_t left = (size_t)(r->text + r->size - r->at), n;
	const char *newline = memchr(r->at, '\n', left);

	n = newline ? (size_t)(newline - r->at) + 1 : left;
	if (n == 0 || r->error || n >= (size_t)size)
		return NULL;
	memcpy(out, r->at, n);
	out[n] = '\0';
	r->at += n;
	r->line++;
	return out;
}

static int
take(void *context, const char *section, const char *name, const char *value)
{
	struct reading *r = context;
	const struct fw_setting *setting = fw_setting_find(section, name);
	int *earlier = setting ? &r->set_on_line[setting - fw_setting_table] : NULL;
	char why[200];
	int e;

	if (!setting) {
		fault(r, FW_EINVAL, "%.50s%s%.50s: no such setting", section, *section ? "." : "",
		    name);
		return 0;
	}
	if (*earlier) {
		fault(r, FW_EINVAL, "%s.%s: already set on line %d", section, name, *earlier);
		return 0;
	}
	*earlier = r->line;
	e = fw_settings_set(r->settings, section, name, value, why, sizeof(why));
	if (e)
		fault(r, e, "%s.%s: %s", section, name, why);
	return e == FW_OK;
}

static bool
is_section(const char *name, size_t n)
{
	for (size_t i = 0; i < fw_setting_count; i++)
		if (strlen(fw_setting_table[i].section) == n &&
		    memcmp(fw_setting_table[i].section, name, n) == 0)
			return true;
	return false;
}

/* A section without a key is never told to take(), and its name may be wrong all the same. */
static void
check_sections(struct reading *r)
{
	const char *line = r->text;

	for (int number = 1; !r->error && line; number++) {
		const char *at = line + strspn(line, " \t"), *newline = strchr(line, '\n');
		size_t n = strcspn(at, "]\n");

		if (*at == '[' && at[n] == ']' && !is_section(at + 1, n - 1)) {
			r->line = number;
			fault(r, FW_EINVAL, "%.*s: no such section", n < 60 ? (int)n + 1 : 60, at);
		}
		line = newline ? newline + 1 : NULL;
	}
	if (!r->error)
		r->line = 0;
}

static void
parse(struct reading *r)
{
	int bad_line;

	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_stop_on_first_error = true;
	ini_max_line = LINE_MAX_BYTES + 3;
	r->at = r->text;
	bad_line = ini_parse_stream(next_line, r, take, r);
	if (bad_line > 0 && !r->error) {
		r->line = bad_line;
		fault(r, FW_EINVAL, "neither [section] nor key = value");
	} else if (bad_line < 0) {
		abort(); /* memory: see mem.h */
	}
	r->line = 0;
}

int
fw_config_read(const char *path, struct fw_settings *s, char *why, size_t why_size)
{
	struct reading r = {.path = path, .settings = s, .why = why, .why_size = why_size};
	char conflict[200];

	r.set_on_line = fw_calloc(fw_setting_count, sizeof(*r.set_on_line));
	read_whole(&r);
	if (!r.error)
		check_lines(&r);
	if (!r.error)
		check_sections(&r);
	if (!r.error)
		parse(&r);
	if (!r.error && fw_settings_check(s, conflict, sizeof(conflict)) != FW_OK)
		fault(&r, FW_EINVAL, "%s", conflict);
	free(r.text);
	free(r.set_on_line);
	return r.error;
}
