/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal holds, and whether all of it is there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/db.h"
#include "cli/journal.h"
#include "cli/rows.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/writer.h"
#include "core/classify.h"
#include "core/decode.h"
#include "model/names.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MOST 1000000
#define SUMMARY_BYTES 512

/* ---------------------------------------------------------------- show */

enum { LANE, POSITION, RECEIVED_AT, TOPIC, BYTES, REPORTS, COLUMNS };

struct table {
	PGresult *rows;
	struct fw_arena *arena;
	int limit;
	bool more;
};

static const struct fw_column columns[COLUMNS] = {{"lane", FW_DB_TEXT}, {"position", FW_DB_BIGINT},
    {"received_at", FW_DB_TEXT}, {"topic", FW_DB_TEXT}, {"bytes", FW_DB_BIGINT},
    {"reports", FW_DB_TEXT}};

/* "+fire -fault": what a report raises and restores, by class. */
static void
add_report(const struct fw_report *report, char *out, size_t size)
{
	size_t n = strlen(out);

	n += (size_t)snprintf(out + n, size - n, "%s%s%s%" PRIu32 ".%" PRIu64, n ? "; " : "",
	    report->device_id, *report->device_id ? " " : "", report->boot_id, report->sequence);
	for (size_t i = 0; i < report->event_count && n < size; i++) {
		const struct fw_event *e = &report->events[i];
		bool known = e->condition > 0 && e->condition < (uint32_t)FW_CONDITIONS;

		n += (size_t)snprintf(out + n, size - n, " %c%s", e->active ? '+' : '-',
		    known
			? fw_class_name(fw_classify(&(struct fw_subject){.condition = e->condition,
							.system_type = e->system_type,
							.component_type = e->component_type})
					    .class)
			: "unknown");
	}
	if (report->reading_count && n < size)
		n += (size_t)snprintf(out + n, size - n, " readings=%zu", report->reading_count);
	if (report->health && n < size)
		snprintf(out + n, size - n, " health");
}

static void
summarize(struct fw_arena *arena, const struct fw_record *r, char out[SUMMARY_BYTES])
{
	const uint8_t *at = r->payload, *end = at + r->payload_len;
	struct fw_slice body;
	int error = FW_OK;

	*out = '\0';
	fw_arena_reset(arena);
	while (
	    strlen(out) < SUMMARY_BYTES / 2 && (error = fw_decode_next(&at, end, &body)) == FW_OK) {
		struct fw_report report;
		const char *detail;

		if (fw_decode_report(arena, body, &report, &detail) == FW_REASON_NONE)
			add_report(&report, out, SUMMARY_BYTES);
		else
			snprintf(out + strlen(out), SUMMARY_BYTES - strlen(out), "%srefused: %s",
			    *out ? "; " : "", detail);
	}
	if (error == FW_OK || error == FW_EFORMAT)
		snprintf(out + strlen(out), SUMMARY_BYTES - strlen(out), "%s%s", *out ? "; " : "",
		    error == FW_OK ? "…" : "no report");
	out[fw_text_cut(out, strlen(out), SUMMARY_BYTES - 1)] = '\0';
}

static enum fw_exit
show_record(void *context, const struct fw_lane_folder *lane, const struct fw_record *r)
{
	struct table *t = context;
	int row = PQntuples(t->rows);
	char text[SUMMARY_BYTES], number[24], moment[FW_TIME_TEXT_MAX];

	t->more = row >= t->limit;
	if (t->more)
		return FW_EXIT_DONE;
	fw_rows_set(t->rows, row, LANE, lane->name);
	snprintf(number, sizeof(number), "%" PRIu64, r->position);
	fw_rows_set(t->rows, row, POSITION, number);
	fw_rows_set(t->rows, row, RECEIVED_AT, fw_time_text(r->received_at_us, moment));
	if (!fw_text_valid(r->topic, r->topic_len))
		fw_rows_set(t->rows, row, TOPIC, "(not UTF-8)");
	else if (!PQsetvalue(t->rows, row, TOPIC, (char *)r->topic, (int)r->topic_len))
		abort();
	snprintf(number, sizeof(number), "%zu", r->payload_len);
	fw_rows_set(t->rows, row, BYTES, number);
	summarize(t->arena, r, text);
	fw_rows_set(t->rows, row, REPORTS, text);
	return FW_EXIT_DONE;
}

static void
say_lost(const struct fw_lane_folder *lane, const struct fw_scan_item *item)
{
	fw_say("%s: %s: lost is what was from position %" PRIu64 " up to position %" PRIu64,
	    lane->name, item->what, item->from, item->to);
}

static enum fw_exit
show_lost(void *context, const struct fw_lane_folder *lane, const struct fw_scan_item *item)
{
	(void)context;
	say_lost(lane, item);
	return FW_EXIT_DONE;
}

static enum fw_exit
take_limit(const struct fw_request *r, int *limit)
{
	const char *text = r->options[FW_OPTION_LIMIT];
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : LIMIT_DEFAULT;

	*limit = (int)n;
	if (!text || (*text >= '0' && *text <= '9' && !*end && n >= 1 && n <= LIMIT_MOST))
		return FW_EXIT_DONE;
	fw_say("--limit is a number from 1 to %d, not %s", LIMIT_MOST, text);
	return FW_EXIT_USAGE;
}

enum fw_exit
fw_run_journal_show(const struct fw_request *r)
{
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	struct fw_arena arena;
	struct table t = {.arena = &arena};
	const struct fw_journal_visitor visitor = {
	    .record = show_record, .lost = show_lost, .context = &t};
	enum fw_exit code = writer ? take_limit(r, &t.limit) : FW_EXIT_USAGE;

	if (code != FW_EXIT_DONE)
		return code;
	fw_arena_init(&arena, 1 << 16);
	t.rows = fw_rows_new(columns, COLUMNS);
	code = fw_journal_visit(r, &visitor);
	if (code == FW_EXIT_DONE) {
		const struct fw_part list = {.name = r->command, .rows = t.rows};

		code = PQntuples(t.rows) ? FW_EXIT_DONE : FW_EXIT_NOTHING;
		if (code == FW_EXIT_NOTHING)
			fw_say("%s: nothing found", r->command);
		if (code == FW_EXIT_DONE || writer != &fw_writer_text)
			writer->list(stdout, &list);
		fflush(stdout);
		if (t.more)
			fw_say("more than %d; --limit shows more", t.limit);
	}
	PQclear(t.rows);
	fw_arena_fini(&arena);
	return code;
}

/* ---------------------------------------------------------------- verify */

struct tally {
	uint64_t records, bytes, lost;
	uint64_t first, last; /* positions */
	int64_t first_us, last_us;
	bool damage; /* in any lane */
};

static enum fw_exit
verify_record(void *context, const struct fw_lane_folder *lane, const struct fw_record *r)
{
	struct tally *t = context;

	(void)lane;
	if (t->records++ == 0) {
		t->first = r->position;
		t->first_us = r->received_at_us;
	}
	t->last = r->position;
	t->last_us = r->received_at_us;
	t->bytes += r->payload_len;
	return FW_EXIT_DONE;
}

static enum fw_exit
verify_lost(void *context, const struct fw_lane_folder *lane, const struct fw_scan_item *item)
{
	struct tally *t = context;

	t->lost++;
	printf("%s %s from=%" PRIu64 " to=%" PRIu64 "\n", lane->name, item->what, item->from,
	    item->to);
	return FW_EXIT_DONE;
}

static enum fw_exit
verify_end(void *context, const struct fw_lane_folder *lane)
{
	struct tally *t = context;
	char first[FW_TIME_TEXT_MAX], last[FW_TIME_TEXT_MAX];
	unsigned unused = fw_scan_unused(lane->scan);

	printf("%s journal=%" PRIu64 " segments=%u unused=%u records=%" PRIu64
	       " payload_bytes=%" PRIu64 " damage=%" PRIu64 "\n",
	    lane->name, fw_scan_journal(lane->scan), fw_scan_segments(lane->scan), unused,
	    t->records, t->bytes, t->lost);
	if (t->records)
		printf("%s first position=%" PRIu64 " received=%s, last position=%" PRIu64
		       " received=%s\n",
		    lane->name, t->first, fw_time_text(t->first_us, first), t->last,
		    fw_time_text(t->last_us, last));
	*t = (struct tally){.damage = t->damage || t->lost || unused};
	return FW_EXIT_DONE;
}

enum fw_exit
fw_run_journal_verify(const struct fw_request *r)
{
	struct tally t = {0};
	const struct fw_journal_visitor visitor = {
	    .record = verify_record, .lost = verify_lost, .end = verify_end, .context = &t};
	enum fw_exit code = fw_journal_visit(r, &visitor);

	return code == FW_EXIT_DONE && t.damage ? FW_EXIT_NOTHING : code;
}
