/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a file to its staged table; see import_file.h. */
#include "cli/import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/say.h"
#include "cli/town_sql.h"
#include "core/classify.h"
#include "model/names.h"

#define FILE_BYTES_MAX (INT64_C(256) << 20)
#define CHUNK_BYTES 65536
#define TOLD_BYTES_MAX 64 /* of a value that is at fault */

struct reader {
	const struct fw_town_spec *spec;
	struct fw_import_file *f;
	struct fw_db *db;
	struct fw_faults *faults;
	size_t told; /* faults of this file that were added, not only counted */
	struct fw_csv csv;
	bool has_header;
	size_t columns;                                  /* in the file */
	int places[FW_CSV_FIELDS_MAX];                   /* of the file's columns in the spec */
	struct fw_csv_field values[FW_TOWN_COLUMNS_MAX]; /* of the record, in the order of the spec;
							    text NULL: at fault */
	char *row;                                       /* of COPY */
	size_t row_bytes, row_cap;
};

enum fw_exit
fw_import_file_open(struct fw_import_file *f, int directory, enum fw_town_file file)
{
	char name[32];
	struct stat st;

	*f = (struct fw_import_file){.file = file};
	snprintf(name, sizeof(name), "%s.csv", fw_town_specs[file].name);
	f->fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0 && errno == ENOENT)
		return FW_EXIT_DONE;
	if (f->fd >= 0 && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
		return FW_EXIT_DONE;
	if (f->fd < 0)
		fw_say("cannot open %s: %m", name);
	else
		fw_say("%s is not a plain file", name);
	fw_import_file_close(f);
	return FW_EXIT_USAGE;
}

void
fw_import_file_close(struct fw_import_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static void
complain(struct reader *r, const char *column, const char *what)
{
	if (r->told++ < FW_FAULTS_TOLD)
		fw_faults_add(r->faults, r->f->file, r->csv.line, column, "%s", what);
	else
		fw_faults_count(r->faults, 1);
}

/* With the value, cut to what can be read. */
static void
complain_of(
    struct reader *r, const char *column, const char *what, const struct fw_csv_field *value)
{
	size_t n = fw_text_valid(value->text, value->bytes)
		       ? fw_text_cut(value->text, value->bytes, TOLD_BYTES_MAX)
		       : 0;
	char text[TOLD_BYTES_MAX + 256];

	snprintf(text, sizeof(text), "%s%s%.*s%s", what, n ? ": " : "", (int)n, value->text,
	    n && n < value->bytes ? "…" : "");
	complain(r, column, text);
}

/* ---------------------------------------------------------------- the header */

static void
take_name(struct reader *r, size_t i)
{
	const struct fw_csv_field *name = &r->csv.fields[i];
	bool valid = name->bytes > 0 && name->bytes <= TOLD_BYTES_MAX &&
		     fw_text_valid(name->text, name->bytes);
	char number[32];

	snprintf(number, sizeof(number), "column %zu", i + 1);
	r->places[i] = fw_town_column_find(r->spec, name->text, name->bytes);
	if (r->places[i] < 0) {
		complain(r, valid ? name->text : number, "unknown column");
		return;
	}
	for (size_t k = 0; k < i; k++)
		if (r->places[k] == r->places[i]) {
			complain(r, name->text, "the column is there twice");
			return;
		}
}

static bool
has_column(const struct reader *r, int place)
{
	for (size_t i = 0; i < r->columns; i++)
		if (r->places[i] == place)
			return true;
	return false;
}

static void
take_header(struct reader *r)
{
	r->has_header = true;
	r->columns = r->csv.count;
	if (r->csv.fault)
		complain(r, NULL, r->csv.fault);
	for (size_t i = 0; i < r->columns; i++)
		take_name(r, i);
	for (int place = 0; r->spec->columns[place].name; place++)
		if (r->spec->columns[place].required && !has_column(r, place))
			complain(r, r->spec->columns[place].name, "the column is missing");
	r->f->unusable = r->told > 0;
}

/* ---------------------------------------------------------------- a record */

/* Values that the record's own fault leaves in doubt are at fault, too. */
static void
place_values(struct reader *r)
{
	for (int place = 0; r->spec->columns[place].name; place++)
		r->values[place] = (struct fw_csv_field){"", 0};
	for (size_t i = 0; i < r->columns; i++)
		if (i < r->csv.count && !(r->csv.fault && r->csv.fault_field == i))
			r->values[r->places[i]] = r->csv.fields[i];
		else
			r->values[r->places[i]].text = NULL;
}

static void
check_values(struct reader *r, bool tell)
{
	char why[FW_TOWN_WHY_MAX];

	for (int place = 0; r->spec->columns[place].name; place++) {
		const struct fw_town_column *column = &r->spec->columns[place];
		struct fw_csv_field *value = &r->values[place];
		bool missing = value->bytes == 0 && column->required;

		if (!value->text ||
		    (!missing && (value->bytes == 0 || fw_town_check(column, value, why))))
			continue;
		if (tell && missing)
			complain(r, column->name, "not given");
		else if (tell)
			complain_of(r, column->name, why, value);
		value->text = NULL;
	}
}

/* Empty, as against at fault. */
static bool
is_empty(const struct reader *r, const char *column)
{
	const struct fw_csv_field *value =
	    &r->values[fw_town_column_find(r->spec, column, strlen(column))];

	return value->text && value->bytes == 0;
}

static const char *
value_of(const struct reader *r, const char *column)
{
	return r->values[fw_town_column_find(r->spec, column, strlen(column))].text;
}

static void
check_times(struct reader *r)
{
	const char *starts = value_of(r, "starts_at"), *ends = value_of(r, "ends_at");
	char from[FW_TOWN_TIME_MAX], until[FW_TOWN_TIME_MAX];

	if (!starts || !ends || !*ends)
		return;
	fw_town_time(starts, from);
	fw_town_time(ends, until);
	if (strcmp(until, from) <= 0)
		complain(r, "ends_at", "not after starts_at");
}

/* Of a change, one that is none must not raise it. */
static void
check_raise(struct reader *r, double raise, bool below)
{
	const char *window = value_of(r, "window_s");

	if (window && strtol(window, NULL, 10) > 0 && (below ? raise >= 0 : raise <= 0))
		complain(r, "raise", below ? "not below 0, no change" : "not above 0, no change");
}

static void
check_threshold(struct reader *r)
{
	const char *raise = value_of(r, "raise"), *clear = value_of(r, "clear");
	const char *side = value_of(r, "side");
	bool below;

	if (!raise || !clear || !side)
		return;
	below = strcmp(side, "below") == 0;
	if (!*raise != !*clear)
		complain(
		    r, "clear", *raise ? "not given, but raise is" : "given, but raise is not");
	if (!*raise || !*clear)
		return;
	check_raise(r, strtod(raise, NULL), below);
	if (below ? strtod(clear, NULL) <= strtod(raise, NULL)
		  : strtod(clear, NULL) >= strtod(raise, NULL))
		complain(r, "clear", below ? "not above raise" : "not below raise");
}

/* What calls people at once cannot be made to mean less. */
static void
check_classification(struct reader *r)
{
	const char *condition = value_of(r, "condition"), *class = value_of(r, "class");
	uint32_t c = condition ? fw_condition_of(condition) : FW_CONDITION_UNSPECIFIED;
	char what[64];

	if (c == FW_CONDITION_UNSPECIFIED || !class || fw_classify_allows(c, fw_class_of(class)))
		return;
	snprintf(what, sizeof(what), "%s is always of class %s", condition,
	    fw_class_name(fw_classify(&(struct fw_subject){.condition = c}).class));
	complain(r, "class", what);
}

/* What the values of one record must be to each other. */
static void
check_together(struct reader *r)
{
	switch (r->f->file) {
	case FW_TOWN_SITES:
		if (is_empty(r, "latitude") != is_empty(r, "longitude"))
			complain(r, is_empty(r, "latitude") ? "latitude" : "longitude",
			    "not given, but the other one is");
		break;
	case FW_TOWN_DEVICES:
		if (is_empty(r, "site") && is_empty(r, "parent"))
			complain(r, "site", "not given, and no parent whose site it would be");
		break;
	case FW_TOWN_DUTY:
	case FW_TOWN_PROTECTION:
		check_times(r);
		break;
	case FW_TOWN_THRESHOLDS:
		check_threshold(r);
		break;
	case FW_TOWN_CLASSIFICATION:
		check_classification(r);
		break;
	case FW_TOWN_DIVISIONS:
	case FW_TOWN_PEOPLE:
	case FW_TOWN_POLICIES:
	case FW_TOWN_KINDS:
	case FW_TOWN_LEVELS:
	case FW_TOWN_HAZARDS:
	case FW_TOWN_FILES:
		break;
	}
}

/* ---------------------------------------------------------------- into the staged table */

static void
row_put(struct reader *r, const char *bytes, size_t n)
{
	r->row = fw_grow(r->row, &r->row_cap, r->row_bytes + n, 1);
	memcpy(r->row + r->row_bytes, bytes, n);
	r->row_bytes += n;
}

/* What COPY reads in another way is written in its own; no other such character is left in a value
 * that was checked. */
static void
row_put_text(struct reader *r, const struct fw_csv_field *value)
{
	for (size_t i = 0; i < value->bytes; i++) {
		const char *byte = value->text + i;

		if (*byte == '\\')
			row_put(r, "\\\\", 2);
		else if (*byte == '\n' || *byte == '\r')
			row_put(r, *byte == '\n' ? "\\n" : "\\r", 2);
		else
			row_put(r, byte, 1);
	}
}

static void
row_put_value(
    struct reader *r, const struct fw_town_column *column, const struct fw_csv_field *value)
{
	char time[FW_TOWN_TIME_MAX];

	row_put(r, "\t", 1);
	if (!value->text) {
		row_put(r, "\\N", 2);
	} else if (column->kind == FW_TOWN_TIME && value->bytes) {
		fw_town_time(value->text, time);
		row_put(r, time, strlen(time));
	} else
		row_put_text(r, value);
}

static enum fw_exit
stage(struct reader *r)
{
	char line[24];

	r->row_bytes = 0;
	row_put(r, line, (size_t)snprintf(line, sizeof(line), "%lld", (long long)r->csv.line));
	for (int place = 0; r->spec->columns[place].name; place++)
		row_put_value(r, &r->spec->columns[place], &r->values[place]);
	row_put(r, "\n", 1);
	if (PQputCopyData(r->db->conn, r->row, (int)r->row_bytes) == 1)
		return FW_EXIT_DONE;
	fw_say("database: %s", PQerrorMessage(r->db->conn));
	return FW_EXIT_UNREACHABLE;
}

/* Is the record of the form that the header promises? */
static bool
check_form(struct reader *r)
{
	const char *column = NULL;
	char text[96];

	if (r->csv.fault) {
		if (r->csv.fault_field < r->columns)
			column = r->spec->columns[r->places[r->csv.fault_field]].name;
		complain(r, column, r->csv.fault);
		return false;
	}
	if (r->csv.count == r->columns)
		return true;
	snprintf(
	    text, sizeof(text), "has %zu fields, the header has %zu", r->csv.count, r->columns);
	complain(r, NULL, text);
	return false;
}

/* What is at fault is staged with the rest, so that nothing is called dangling that refers to it.
 */
static enum fw_exit
take_record(struct reader *r)
{
	bool well_formed;

	if (!r->has_header) {
		take_header(r);
		return FW_EXIT_DONE;
	}
	r->f->records++;
	if (r->f->unusable)
		return FW_EXIT_DONE;
	well_formed = check_form(r);
	place_values(r);
	check_values(r, well_formed);
	if (well_formed)
		check_together(r);
	return stage(r);
}

/* ---------------------------------------------------------------- the file */

static enum fw_exit
take_chunk(struct reader *r, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t used = 0;
		enum fw_exit code;

		if (fw_csv_feed(&r->csv, bytes, n, &used) != FW_OK)
			break;
		code = take_record(r);
		if (code != FW_EXIT_DONE)
			return code;
		bytes += used;
		n -= used;
	}
	return FW_EXIT_DONE;
}

static enum fw_exit
take_file(struct reader *r, char *chunk)
{
	enum fw_exit code = FW_EXIT_DONE;
	int64_t bytes = 0;
	ssize_t n;

	while (code == FW_EXIT_DONE && (n = read(r->f->fd, chunk, CHUNK_BYTES)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fw_say("cannot read %s.csv: %m", r->spec->name);
			return FW_EXIT_USAGE;
		}
		bytes += n;
		if (bytes > FILE_BYTES_MAX) {
			complain(r, NULL, "the file is larger than 256 MiB");
			r->f->unusable = true;
			return FW_EXIT_DONE;
		}
		code = take_chunk(r, chunk, (size_t)n);
	}
	if (code == FW_EXIT_DONE && fw_csv_end(&r->csv) == FW_OK)
		code = take_record(r);
	if (code == FW_EXIT_DONE && !r->has_header)
		take_header(r);
	return code;
}

/* The copy is ended in any case, or the connection could do nothing more. */
static enum fw_exit
end_copy(struct fw_db *db, bool whole)
{
	PGresult *result;
	enum fw_exit code = FW_EXIT_DONE;

	if (PQputCopyEnd(db->conn, whole ? NULL : "not wanted") != 1) {
		fw_say("database: %s", PQerrorMessage(db->conn));
		code = FW_EXIT_UNREACHABLE;
	}
	while ((result = PQgetResult(db->conn))) {
		if (whole && code == FW_EXIT_DONE && PQresultStatus(result) != PGRES_COMMAND_OK)
			code = fw_db_told(db, result);
		PQclear(result);
	}
	return code;
}

enum fw_exit
fw_import_file_stage(struct fw_import_file *f, struct fw_db *db, struct fw_faults *faults)
{
	struct reader r = {.spec = &fw_town_specs[f->file], .f = f, .db = db, .faults = faults};
	enum fw_exit code = fw_db_run(db, fw_town_sql[f->file].copy), ended;
	char *chunk;

	if (code != FW_EXIT_DONE)
		return code;
	chunk = fw_calloc(1, CHUNK_BYTES);
	fw_csv_init(&r.csv);
	code = take_file(&r, chunk);
	ended = end_copy(db, code == FW_EXIT_DONE);
	fw_csv_fini(&r.csv);
	free(chunk);
	free(r.row);
	return code != FW_EXIT_DONE ? code : ended;
}
