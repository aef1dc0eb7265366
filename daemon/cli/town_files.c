/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a town's files, and what a value must be; see town_files.h. */
#include "cli/town_files.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "base/time.h"
#include "model/names.h"

#define ID_BYTES 64
#define NAME_BYTES 256
#define WEBHOOK_BYTES 1024
#define NUMBER_BYTES 32
#define VALUE_MOST 1000000000 /* of a quantity */
#define YEAR_10000_US (INT64_C(253402300800) * FW_S)

/* clang-format off */
const struct fw_town_spec fw_town_specs[FW_TOWN_FILES] = {
    [FW_TOWN_DIVISIONS] = {"divisions", {
	{"division", FW_TOWN_DIVISION, true, 0, 0, NULL},
	{"parent", FW_TOWN_DIVISION, false, 0, 0, NULL},
	{"name", FW_TOWN_NAME, true, 0, 0, NULL},
	{"level", FW_TOWN_WORD, true, 0, 0, "city district town village grid"},
    }},
    [FW_TOWN_SITES] = {"sites", {
	{"site", FW_TOWN_ID, true, 0, 0, NULL},
	{"name", FW_TOWN_NAME, true, 0, 0, NULL},
	{"division", FW_TOWN_DIVISION, true, 0, 0, NULL},
	{"category", FW_TOWN_ID, true, 0, 0, NULL},
	{"risk", FW_TOWN_WORD, false, 0, 0, "normal high"},
	{"address", FW_TOWN_TEXT, false, 0, 0, NULL},
	{"latitude", FW_TOWN_REAL, false, -90, 90, NULL},
	{"longitude", FW_TOWN_REAL, false, -180, 180, NULL},
	{"contact", FW_TOWN_TEXT, false, 0, 0, NULL},
    }},
    [FW_TOWN_DEVICES] = {"devices", {
	{"device", FW_TOWN_DEVICE, true, 0, 0, NULL},
	{"parent", FW_TOWN_DEVICE, false, 0, 0, NULL},
	{"site", FW_TOWN_ID, false, 0, 0, NULL},
	{"zone", FW_TOWN_NAME, false, 0, 0, NULL},
	{"kind", FW_TOWN_ID, false, 0, 0, NULL},
	{"model", FW_TOWN_NAME, false, 0, 0, NULL},
	{"maker", FW_TOWN_NAME, false, 0, 0, NULL},
	{"installed_on", FW_TOWN_DATE, false, 0, 0, NULL},
	{"heartbeat_s", FW_TOWN_INTEGER, false, 1, 31536000, NULL},
    }},
    [FW_TOWN_PEOPLE] = {"people", {
	{"person", FW_TOWN_ID, true, 0, 0, NULL},
	{"name", FW_TOWN_NAME, true, 0, 0, NULL},
	{"phone", FW_TOWN_ID, false, 0, 0, NULL},
	{"email", FW_TOWN_NAME, false, 0, 0, NULL},
	{"webhook", FW_TOWN_WEBHOOK, false, 0, 0, NULL},
    }},
    [FW_TOWN_DUTY] = {"duty", {
	{"division", FW_TOWN_DIVISION, true, 0, 0, NULL},
	{"site", FW_TOWN_ID, false, 0, 0, NULL},
	{"role", FW_TOWN_ID, true, 0, 0, NULL},
	{"person", FW_TOWN_ID, true, 0, 0, NULL},
	{"starts_at", FW_TOWN_TIME, true, 0, 0, NULL},
	{"ends_at", FW_TOWN_TIME, false, 0, 0, NULL},
    }},
    [FW_TOWN_POLICIES] = {"policies", {
	{"class", FW_TOWN_CLASS, true, 0, 0, NULL},
	{"category", FW_TOWN_ID, false, 0, 0, NULL},
	{"level", FW_TOWN_WORD, false, 0, 0, "normal elevated highest"},
	{"step", FW_TOWN_INTEGER, true, 1, 1000, NULL},
	{"after_s", FW_TOWN_INTEGER, true, 0, 604800, NULL},
	{"role", FW_TOWN_ID, true, 0, 0, NULL},
	{"channel", FW_TOWN_WORD, true, 0, 0, "webhook"},
    }},
    [FW_TOWN_KINDS] = {"kinds", {
	{"kind", FW_TOWN_ID, true, 0, 0, NULL},
	{"name", FW_TOWN_NAME, true, 0, 0, NULL},
	{"heartbeat_s", FW_TOWN_INTEGER, true, 0, 31536000, NULL},
	{"missed", FW_TOWN_INTEGER, false, 1, 100, NULL},
	{"mains", FW_TOWN_WORD, false, 0, 0, "yes no"},
    }},
    [FW_TOWN_THRESHOLDS] = {"thresholds", {
	{"quantity", FW_TOWN_QUANTITY, true, 0, 0, NULL},
	{"kind", FW_TOWN_ID, false, 0, 0, NULL},
	{"category", FW_TOWN_ID, false, 0, 0, NULL},
	{"risk", FW_TOWN_WORD, false, 0, 0, "normal high"},
	{"site", FW_TOWN_ID, false, 0, 0, NULL},
	{"device", FW_TOWN_DEVICE, false, 0, 0, NULL},
	{"class", FW_TOWN_CLASS, true, 0, 0, NULL},
	{"side", FW_TOWN_WORD, true, 0, 0, "above below"},
	{"raise", FW_TOWN_REAL, false, -VALUE_MOST, VALUE_MOST, NULL},
	{"clear", FW_TOWN_REAL, false, -VALUE_MOST, VALUE_MOST, NULL},
	{"delay_s", FW_TOWN_INTEGER, false, 0, 604800, NULL},
	{"window_s", FW_TOWN_INTEGER, false, 0, 604800, NULL},
	{"reason", FW_TOWN_NAME, true, 0, 0, NULL},
    }},
    [FW_TOWN_CLASSIFICATION] = {"classification", {
	{"condition", FW_TOWN_CONDITION, true, 0, 0, NULL},
	{"component_type", FW_TOWN_INTEGER, false, 0, INT32_MAX, NULL},
	{"system_type", FW_TOWN_INTEGER, false, 0, INT32_MAX, NULL},
	{"kind", FW_TOWN_ID, false, 0, 0, NULL},
	{"category", FW_TOWN_ID, false, 0, 0, NULL},
	{"model", FW_TOWN_NAME, false, 0, 0, NULL},
	{"class", FW_TOWN_CLASS, true, 0, 0, NULL},
	{"severity", FW_TOWN_WORD, true, 0, 0, "critical major minor warning indeterminate"},
	{"reason", FW_TOWN_NAME, true, 0, 0, NULL},
    }},
    [FW_TOWN_LEVELS] = {"levels", {
	{"level", FW_TOWN_WORD, true, 0, 0, "normal elevated highest"},
	{"timeout_percent", FW_TOWN_INTEGER, true, 1, 100, NULL},
	{"pre_alarm_as_alarm", FW_TOWN_WORD, true, 0, 0, "yes no"},
	{"extra_role", FW_TOWN_ID, false, 0, 0, NULL},
    }},
    [FW_TOWN_PROTECTION] = {"protection", {
	{"division", FW_TOWN_DIVISION, true, 0, 0, NULL},
	{"level", FW_TOWN_WORD, true, 0, 0, "elevated highest"},
	{"starts_at", FW_TOWN_TIME, true, 0, 0, NULL},
	{"ends_at", FW_TOWN_TIME, true, 0, 0, NULL},
	{"reason", FW_TOWN_NAME, true, 0, 0, NULL},
    }},
    [FW_TOWN_HAZARDS] = {"hazards", {
	{"class", FW_TOWN_CLASS, true, 0, 0, NULL},
	{"kind", FW_TOWN_ID, false, 0, 0, NULL},
	{"category", FW_TOWN_ID, false, 0, 0, NULL},
	{"limit_s", FW_TOWN_INTEGER, true, 1, 31536000, NULL},
	{"grade", FW_TOWN_WORD, true, 0, 0, "general major"},
	{"deadline_s", FW_TOWN_INTEGER, true, 1, 31536000, NULL},
	{"role", FW_TOWN_ID, true, 0, 0, NULL},
    }},
};
/* clang-format on */

int
fw_town_column_find(const struct fw_town_spec *spec, const char *name, size_t n)
{
	for (int i = 0; spec->columns[i].name; i++)
		if (strlen(spec->columns[i].name) == n &&
		    memcmp(spec->columns[i].name, name, n) == 0)
			return i;
	return -1;
}

/* C0, DEL, and C1 in its UTF-8 form; of valid UTF-8.  With lines, CR and LF are none. */
static bool
has_control(const struct fw_csv_field *value, bool lines)
{
	for (size_t i = 0; i < value->bytes; i++) {
		unsigned char c = (unsigned char)value->text[i];

		if (lines && (c == '\n' || c == '\r'))
			continue;
		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && (unsigned char)value->text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static bool
is_word(const char *words, const struct fw_csv_field *value)
{
	for (const char *at = words; *at; at += *at == ' ') {
		size_t n = strcspn(at, " ");

		if (n == value->bytes && memcmp(at, value->text, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static bool
is_integer(const struct fw_csv_field *value, int least, int most)
{
	char *end;
	long number;

	if (value->bytes > NUMBER_BYTES || strspn(value->text, "0123456789") != value->bytes)
		return false;
	errno = 0;
	number = strtol(value->text, &end, 10);
	return errno == 0 && *end == '\0' && number >= least && number <= most;
}

static bool
is_real(const struct fw_csv_field *value, int least, int most)
{
	const char *digits = value->text + (*value->text == '-' || *value->text == '+');
	char *end;
	double number;

	if (value->bytes > NUMBER_BYTES || *digits < '0' || *digits > '9' ||
	    digits[strspn(digits, "0123456789.")] != '\0')
		return false;
	number = strtod(value->text, &end);
	return *end == '\0' && number >= least && number <= most;
}

static bool
is_date(const struct fw_csv_field *value)
{
	int64_t us;

	return value->bytes == strlen("2026-11-24") && strcmp(value->text, "1900") > 0 &&
	       fw_time_parse(value->text, &us) == FW_OK;
}

static bool
is_time(const struct fw_csv_field *value)
{
	int64_t us;

	return fw_time_parse(value->text, &us) == FW_OK && us >= 0 && us < YEAR_10000_US;
}

static bool
is_web_address(const struct fw_csv_field *value)
{
	size_t scheme = strncasecmp(value->text, "http://", 7) == 0    ? 7
			: strncasecmp(value->text, "https://", 8) == 0 ? 8
								       : 0;

	return scheme > 0 && value->bytes > scheme && !strchr(value->text, ' ') &&
	       !strchr("/?#:", value->text[scheme]);
}

static const char *
check_id(const struct fw_csv_field *value)
{
	if (value->bytes > ID_BYTES)
		return "longer than 64 bytes";
	if (value->text[0] == ' ' || value->text[value->bytes - 1] == ' ')
		return "begins or ends with a space";
	return NULL;
}

static const char *
check_condition(const struct fw_csv_field *value)
{
	uint32_t condition = fw_condition_of(value->text);

	if (condition == FW_CONDITION_UNSPECIFIED)
		return "no such condition";
	return condition == FW_CONDITION_RESET ? "raises no alarm" : NULL;
}

static const char *
check_kind(const struct fw_town_column *c, const struct fw_csv_field *value)
{
	switch (c->kind) {
	case FW_TOWN_CLASS:
		return fw_class_of(value->text) < FW_CLASSES ? NULL : "no such class";
	case FW_TOWN_CONDITION:
		return check_condition(value);
	case FW_TOWN_DATE:
		return is_date(value) ? NULL : "not a date such as 2026-11-24";
	case FW_TOWN_DEVICE:
		return fw_text_is_device(value->text, value->bytes)
			   ? NULL
			   : "not 1 to 64 of A-Z a-z 0-9 _ . : -";
	case FW_TOWN_DIVISION:
		return fw_text_is_division(value->text, value->bytes) ? NULL : "not 6 to 15 digits";
	case FW_TOWN_ID:
		return check_id(value);
	case FW_TOWN_INTEGER:
		return is_integer(value, c->least, c->most) ? NULL : "not a whole number from";
	case FW_TOWN_NAME:
	case FW_TOWN_TEXT:
		return value->bytes <= NAME_BYTES ? NULL : "longer than 256 bytes";
	case FW_TOWN_QUANTITY:
		return fw_quantity_of(value->text) > FW_QUANTITY_UNSPECIFIED ? NULL
									     : "no such quantity";
	case FW_TOWN_REAL:
		return is_real(value, c->least, c->most) ? NULL : "not a number from";
	case FW_TOWN_TIME:
		return is_time(value)
			   ? NULL
			   : "not an RFC 3339 time from 1970 to 9999, such as 2026-11-24T08:00:00+08:00";
	case FW_TOWN_WEBHOOK:
		if (value->bytes > WEBHOOK_BYTES)
			return "longer than 1024 bytes";
		return is_web_address(value)
			   ? NULL
			   : "not an address that begins with http:// or https://";
	case FW_TOWN_WORD:
		return is_word(c->words, value) ? NULL : "not one of";
	}
	return NULL;
}

static const char *
check_text(const struct fw_csv_field *value, bool lines)
{
	if (!fw_text_valid(value->text, value->bytes))
		return "not valid UTF-8";
	return has_control(value, lines) ? "holds a control character" : NULL;
}

bool
fw_town_check(const struct fw_town_column *column, const struct fw_csv_field *value,
    char why[FW_TOWN_WHY_MAX])
{
	const char *fault = check_text(value, column->kind == FW_TOWN_TEXT);

	if (fault) {
		snprintf(why, FW_TOWN_WHY_MAX, "%s", fault);
		return false;
	}
	fault = check_kind(column, value);
	if (!fault)
		return true;
	if (column->kind == FW_TOWN_INTEGER || column->kind == FW_TOWN_REAL)
		snprintf(why, FW_TOWN_WHY_MAX, "%s %d to %d", fault, column->least, column->most);
	else
		snprintf(why, FW_TOWN_WHY_MAX, "%s%s%s", fault, column->words ? " " : "",
		    column->words ? column->words : "");
	return false;
}

void
fw_town_time(const char *text, char out[FW_TOWN_TIME_MAX])
{
	int64_t us = 0;
	struct tm tm;
	time_t seconds;

	if (fw_time_parse(text, &us) != FW_OK)
		us = 0;
	seconds = (time_t)(us / FW_S);
	gmtime_r(&seconds, &tm);
	snprintf(out, FW_TOWN_TIME_MAX, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % FW_S));
}
