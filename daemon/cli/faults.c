/* SPDX-License-Identifier: Apache-2.0 */
/* Collects faults and tells them; see faults.h. */
#include "cli/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/say.h"

struct fw_fault {
	enum fw_town_file file;
	int64_t line;
	size_t order; /* of those of one line, the first that was found comes first */
	char *column, *what;
};

void
fw_faults_fini(struct fw_faults *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].column);
		free(f->items[i].what);
	}
	free(f->items);
	*f = (struct fw_faults){0};
}

void
fw_faults_add(struct fw_faults *f, enum fw_town_file file, int64_t line, const char *column,
    const char *format, ...)
{
	struct fw_fault *fault;
	char *what = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0)
		abort();
	f->items = fw_grow(f->items, &f->cap, f->count + 1, sizeof(*f->items));
	fault = &f->items[f->count];
	*fault = (struct fw_fault){.file = file,
	    .line = line,
	    .order = f->count,
	    .column = column ? fw_strdup(column) : NULL,
	    .what = what};
	f->count++;
	f->total++;
}

void
fw_faults_count(struct fw_faults *f, size_t more)
{
	f->total += more;
}

static int
compare(const void *left, const void *right)
{
	const struct fw_fault *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

static void
tell(const struct fw_fault *fault, const char *prefix)
{
	fprintf(stderr, "%s%s.csv:%lld: ", prefix ? prefix : "", fw_town_specs[fault->file].name,
	    (long long)fault->line);
	if (fault->column) {
		fw_say_text(stderr, fault->column, 0);
		fputs(": ", stderr);
	}
	fw_say_text(stderr, fault->what, 0);
	fputc('\n', stderr);
}

void
fw_faults_tell(struct fw_faults *f)
{
	size_t told = f->count < FW_FAULTS_TOLD ? f->count : FW_FAULTS_TOLD;

	if (f->count)
		qsort(f->items, f->count, sizeof(*f->items), compare);
	for (size_t i = 0; i < told; i++)
		tell(&f->items[i], f->prefix);
	if (f->total > told)
		fprintf(stderr, "… and %zu more\n", f->total - told);
}
