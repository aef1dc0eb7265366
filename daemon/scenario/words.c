/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a scenario into words, and words into values; see words.h. */
#include "scenario/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define SERIES_MOST_US (100000 * FW_DAY)

int
sim_words_fault(struct sim_words *w, const char *format, ...)
{
	va_list args;

	if (!*w->what) {
		va_start(args, format);
		vsnprintf(w->what, sizeof(w->what), format, args);
		va_end(args);
	}
	return FW_EFORMAT;
}

static int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash; *at is moved behind it. */
static int
take_escape(struct sim_words *w, const char **at, const char *end, char *out)
{
	int high, low;

	if (*at < end && (**at == '"' || **at == '\\')) {
		*out = *(*at)++;
		return FW_OK;
	}
	if (end - *at < 3 || **at != 'x')
		return sim_words_fault(w, "after a backslash comes \", \\ or xHH");
	high = hex_digit((*at)[1]);
	low = hex_digit((*at)[2]);
	if (high < 0 || low < 0 || (high == 0 && low == 0))
		return sim_words_fault(w, "\\x needs two hexadecimal digits, and not 00");
	*out = (char)(high << 4 | low);
	*at += 3;
	return FW_OK;
}

static int
split_quoted(struct sim_words *w, const char **at, const char *end, char *out)
{
	size_t n = 0;

	for (++*at; *at < end && **at != '"';) {
		char c = *(*at)++;

		if (c == '\\' && take_escape(w, at, end, &c) != FW_OK)
			return FW_EFORMAT;
		out[n++] = c;
	}
	if (*at == end)
		return sim_words_fault(w, "a quote is not closed");
	++*at;
	out[n] = '\0';
	return FW_OK;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int
sim_words_split(struct sim_words *w, struct fw_arena *arena, const char *line, size_t n)
{
	const char *at = line, *end = line + n;

	w->arena = arena;
	w->count = w->at = 0;
	w->what[0] = '\0';
	for (;;) {
		struct sim_word *word = &w->word[w->count];

		while (at < end && is_blank(*at))
			at++;
		if (at == end || *at == '#')
			return FW_OK;
		if (w->count == SIM_WORDS_MAX)
			return sim_words_fault(w, "more than %d words on a line", SIM_WORDS_MAX);
		word->quoted = *at == '"';
		word->text = fw_arena_alloc(arena, (size_t)(end - at) + 1);
		if (word->quoted) {
			if (split_quoted(w, &at, end, word->text) != FW_OK)
				return FW_EFORMAT;
		} else {
			size_t length = 0;

			while (at < end && !is_blank(*at))
				word->text[length++] = *at++;
			word->text[length] = '\0';
		}
		w->count++;
	}
}

bool
sim_words_left(const struct sim_words *w)
{
	return w->at < w->count;
}

bool
sim_words_accept(struct sim_words *w, const char *word)
{
	if (w->at == w->count || w->word[w->at].quoted || strcmp(w->word[w->at].text, word) != 0)
		return false;
	w->at++;
	return true;
}

int
sim_take_word(struct sim_words *w, const char *wanted, char **out)
{
	*out = NULL;
	if (w->at == w->count)
		return sim_words_fault(w, "%s is missing at the end of the line", wanted);
	*out = w->word[w->at++].text;
	return FW_OK;
}

int
sim_take_number(struct sim_words *w, int64_t least, int64_t most, int64_t *out)
{
	char *text, *end;

	if (sim_take_word(w, "a number", &text) != FW_OK)
		return FW_EFORMAT;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return sim_words_fault(w, "\"%s\" is not a whole number", text);
	if (*out < least || *out > most)
		return sim_words_fault(
		    w, "%s is not between %" PRId64 " and %" PRId64, text, least, most);
	return FW_OK;
}

int
sim_take_sequence(struct sim_words *w, uint64_t *out)
{
	char *text, *end;

	if (sim_take_word(w, "a sequence number", &text) != FW_OK)
		return FW_EFORMAT;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno)
		return sim_words_fault(w, "\"%s\" is not a 64-bit sequence number", text);
	return FW_OK;
}

struct unit {
	const char *name;
	int64_t size;
};

static int64_t
unit_size(const struct unit *units, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(units[i].name, name) == 0)
			return units[i].size;
	return 0;
}

static const struct unit durations[] = {
    {"ms", FW_MS}, {"s", FW_S}, {"min", FW_MIN}, {"h", 60 * FW_MIN}, {"d", FW_DAY}};
static const struct unit sizes[] = {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}};

/* "-8h", "1.5s", "0": a number and a unit. */
static int
duration_of(const char *text, int64_t *out_us)
{
	char *end;
	double number = strtod(text, &end);
	int64_t unit = unit_size(durations, sizeof(durations) / sizeof(*durations), end);

	if (end == text || !(number > -1e5 && number < 1e5) ||
	    (unit == 0 && !(number == 0 && !*end)))
		return FW_EFORMAT;
	*out_us = (int64_t)(number * (double)unit + (number < 0 ? -0.5 : 0.5));
	return FW_OK;
}

int
sim_take_duration(struct sim_words *w, int64_t *out_us)
{
	char *text;

	if (sim_take_word(w, "a duration", &text) != FW_OK)
		return FW_EFORMAT;
	if (duration_of(text, out_us) != FW_OK || *out_us < 0)
		return sim_words_fault(
		    w, "\"%s\" is not a duration such as 200ms, 2s, 3min, 8h, 7d", text);
	return FW_OK;
}

int
sim_take_bytes(struct sim_words *w, int64_t *out)
{
	char *text, *end;
	int64_t unit;

	if (sim_take_word(w, "a size", &text) != FW_OK)
		return FW_EFORMAT;
	*out = strtol(text, &end, 10);
	unit = unit_size(sizes, sizeof(sizes) / sizeof(*sizes), *end ? end : "B");
	if (end == text || unit == 0 || *out < 1 || *out > 16 * 1024 * 1024 / unit)
		return sim_words_fault(
		    w, "\"%s\" is not a size such as 500, 300KiB, 2MiB (16MiB at most)", text);
	*out *= unit;
	return FW_OK;
}

int
sim_take_value(struct sim_words *w, double *out)
{
	char *text, *end;

	if (sim_take_word(w, "a value", &text) != FW_OK)
		return FW_EFORMAT;
	*out = strtod(text, &end);
	return end == text || *end ? sim_words_fault(w, "\"%s\" is not a number", text) : FW_OK;
}

int
sim_take_series(struct sim_words *w, struct sim_series *out)
{
	if (sim_take_number(w, 1, 1000000, &out->count) != FW_OK)
		return FW_EFORMAT;
	if (!sim_words_accept(w, "every"))
		return sim_words_fault(w, "\"every\" and a duration are missing");
	if (sim_take_duration(w, &out->every_us) != FW_OK)
		return FW_EFORMAT;
	return out->every_us <= SERIES_MOST_US / out->count
		   ? FW_OK
		   : sim_words_fault(w, "a series lasts at most 100000d");
}

int
sim_take_clock(struct sim_words *w, struct sim_clock *out)
{
	char *text, date[16];

	if (sim_take_word(w, "a clock", &text) != FW_OK)
		return FW_EFORMAT;
	*out = (struct sim_clock){.kind = SIM_CLOCK_OFFSET};
	if (strcmp(text, "right") == 0)
		return FW_OK;
	if (strcmp(text, "unknown") == 0) {
		out->kind = SIM_CLOCK_UNKNOWN;
		return FW_OK;
	}
	if ((*text == '-' || *text == '+') && duration_of(text, &out->us) == FW_OK)
		return FW_OK;
	if (strlen(text) == 4 && strspn(text, "0123456789") == 4) {
		snprintf(date, sizeof(date), "%s-01-01", text);
		out->kind = SIM_CLOCK_SINCE;
		if (fw_time_parse(date, &out->us) == FW_OK)
			return FW_OK;
	}
	return sim_words_fault(
	    w, "\"%s\" is not a clock: right, unknown, an offset (-8h, +3min), a year", text);
}

/* A word of an enum of the contract, or any number. */
static int
take_enum(struct sim_words *w, const ProtobufCEnumDescriptor *d, const char *prefix,
    const char *what, int64_t *out)
{
	const ProtobufCEnumValue *value;
	char *text, name[80];

	if (sim_take_word(w, what, &text) != FW_OK)
		return FW_EFORMAT;
	if (isdigit((unsigned char)*text) || *text == '-') {
		w->at--;
		return sim_take_number(w, INT32_MIN, INT32_MAX, out);
	}
	snprintf(name, sizeof(name), "%s%s", prefix, text);
	value = protobuf_c_enum_descriptor_get_value_by_name(d, name);
	if (!value)
		return sim_words_fault(w, "\"%s\" is not %s", text, what);
	*out = value->value;
	return FW_OK;
}

int
sim_take_condition(struct sim_words *w, int64_t *out)
{
	return take_enum(
	    w, &firewatch__v1__condition__descriptor, "CONDITION_", "a condition", out);
}

int
sim_take_quantity(struct sim_words *w, int64_t *out)
{
	return take_enum(w, &firewatch__v1__quantity__descriptor, "QUANTITY_", "a quantity", out);
}

static const char *
enum_word(const ProtobufCEnumDescriptor *d, const char *prefix, int64_t number)
{
	const ProtobufCEnumValue *value =
	    number == (int)number ? protobuf_c_enum_descriptor_get_value(d, (int)number) : NULL;

	return value ? value->name + strlen(prefix) : NULL;
}

const char *
sim_condition_word(int64_t number)
{
	return enum_word(&firewatch__v1__condition__descriptor, "CONDITION_", number);
}

const char *
sim_quantity_word(int64_t number)
{
	return enum_word(&firewatch__v1__quantity__descriptor, "QUANTITY_", number);
}

int
sim_take_mode(struct sim_words *w, int64_t *out)
{
	static const char *const modes[] = {"normal", "test", "maintenance"};

	for (int i = 0; i < 3; i++) {
		if (sim_words_accept(w, modes[i])) {
			*out = i;
			return FW_OK;
		}
	}
	return take_enum(
	    w, &firewatch__v1__mode__descriptor, "MODE_", "a mode: normal, test, maintenance", out);
}

int
sim_take_lane(struct sim_words *w, int64_t *out)
{
	*out = sim_words_accept(w, "alarm") ? SIM_ALARM : SIM_TELEMETRY;
	if (*out == SIM_ALARM || sim_words_accept(w, "telemetry"))
		return FW_OK;
	return sim_words_fault(w, "a topic is alarm or telemetry");
}

int
sim_take_hex(struct sim_words *w, uint8_t **out, size_t *len)
{
	char *text;

	if (sim_take_word(w, "a payload", &text) != FW_OK)
		return FW_EFORMAT;
	*len = strlen(text) / 2;
	if (strlen(text) % 2 || text[strspn(text, "0123456789abcdefABCDEF")])
		return sim_words_fault(w, "\"%s\" is not pairs of hexadecimal digits", text);
	*out = fw_arena_alloc(w->arena, *len);
	for (size_t i = 0; i < *len; i++)
		(*out)[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return FW_OK;
}
