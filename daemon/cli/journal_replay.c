/* SPDX-License-Identifier: Apache-2.0 */
/* Hands a journal's messages to the running daemon by way of PostgreSQL: firewatch.hand_over takes
 * each once, however often it is given. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/db.h"
#include "cli/journal.h"
#include "cli/run.h"
#include "cli/say.h"

#define BATCH_RECORDS 1000
#define BATCH_BYTES ((size_t)8 << 20)
#define SQL                                                                                    \
	"SELECT firewatch.hand_over($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[]," \
	" $5::timestamptz[], $6::text[], $7::bytea[], $8)"

enum { LANE, JOURNAL, POSITION, ORIGINAL, RECEIVED, TOPIC, PAYLOAD, ARRAYS };

/* A PostgreSQL array as it grows: "{a,b". */
struct array {
	char *text;
	size_t n, cap;
};

struct replay {
	struct fw_db db;
	const char *actor;
	struct array arrays[ARRAYS];
	size_t records, bytes; /* of the batch */
	uint64_t handed, added, lost, skipped;
};

static void
put(struct array *a, const char *text, size_t n)
{
	a->text = fw_grow(a->text, &a->cap, a->n + n + 1, 1);
	memcpy(a->text + a->n, text, n);
	a->n += n;
	a->text[a->n] = '\0';
}

static void
begin_item(struct array *a)
{
	put(a, a->n ? "," : "{", 1);
}

static void
put_number(struct array *a, uint64_t value)
{
	char text[24];

	begin_item(a);
	put(a, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

static void
put_text(struct array *a, const char *text, size_t n)
{
	begin_item(a);
	put(a, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"' || text[i] == '\\')
			put(a, "\\", 1);
		put(a, text + i, 1);
	}
	put(a, "\"", 1);
}

static void
put_bytes(struct array *a, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	begin_item(a);
	put(a, "\"\\\\x", 4);
	for (size_t i = 0; i < n; i++) {
		const char two[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

		put(a, two, 2);
	}
	put(a, "\"", 1);
}

/* To the microsecond. */
static void
put_moment(struct array *a, int64_t t_us)
{
	char text[FW_TIME_TEXT_MAX + 8];
	size_t n = strlen(fw_time_text(t_us, text));

	if (n && text[n - 1] == 'Z')
		n +=
		    (size_t)snprintf(text + n - 1, 5, "%03dZ", (int)((t_us % 1000 + 1000) % 1000)) -
		    1;
	put_text(a, text, n);
}

static enum fw_exit
send(struct replay *p)
{
	const char *values[ARRAYS + 1];
	PGresult *row;

	if (p->records == 0)
		return FW_EXIT_DONE;
	for (int i = 0; i < ARRAYS; i++) {
		put(&p->arrays[i], "}", 1);
		values[i] = p->arrays[i].text;
		p->arrays[i].n = 0;
	}
	values[ARRAYS] = p->actor;
	row = fw_db_query(&p->db, SQL, ARRAYS + 1, NULL, values);
	if (!row)
		return p->db.fault;
	p->handed += p->records;
	p->added += strtoull(PQgetvalue(row, 0, 0), NULL, 10);
	p->records = p->bytes = 0;
	PQclear(row);
	return FW_EXIT_DONE;
}

/* PostgreSQL takes no topic that is not UTF-8 or has a NUL in it, and no device has such a one. */
static enum fw_exit
replay_record(void *context, const struct fw_lane_folder *lane, const struct fw_record *r)
{
	struct replay *p = context;
	size_t bytes = r->topic_len + r->payload_len;
	enum fw_exit code = FW_EXIT_DONE;

	if (lane->lane < 0) {
		fw_say("%s is neither alarm nor telemetry, nor has it such folders", lane->name);
		return FW_EXIT_USAGE;
	}
	if (!fw_text_valid(r->topic, r->topic_len) || memchr(r->topic, '\0', r->topic_len)) {
		fw_say("%s position %" PRIu64 " is left out: its topic is no text", lane->name,
		    r->position);
		p->skipped++;
		return FW_EXIT_DONE;
	}
	if (p->records == BATCH_RECORDS || p->bytes + bytes > BATCH_BYTES)
		code = send(p);
	put_number(&p->arrays[LANE], (uint64_t)lane->lane);
	put_number(&p->arrays[JOURNAL], fw_scan_journal(lane->scan));
	put_number(&p->arrays[POSITION], r->position);
	put_number(&p->arrays[ORIGINAL], r->original_len);
	put_moment(&p->arrays[RECEIVED], r->received_at_us);
	put_text(&p->arrays[TOPIC], r->topic, r->topic_len);
	put_bytes(&p->arrays[PAYLOAD], r->payload, r->payload_len);
	p->bytes += bytes;
	p->records++;
	return code;
}

static enum fw_exit
replay_lost(void *context, const struct fw_lane_folder *lane, const struct fw_scan_item *item)
{
	struct replay *p = context;

	p->lost++;
	fw_say("%s: %s: lost is what was from position %" PRIu64 " up to position %" PRIu64,
	    lane->name, item->what, item->from, item->to);
	return FW_EXIT_DONE;
}

enum fw_exit
fw_run_journal_replay(const struct fw_request *r)
{
	struct replay p = {.actor = fw_actor_of(r)};
	const struct fw_journal_visitor visitor = {
	    .record = replay_record, .lost = replay_lost, .context = &p};
	enum fw_exit code = fw_db_open(&p.db, r->options[FW_OPTION_DSN]);

	if (code != FW_EXIT_DONE)
		return code;
	code = fw_journal_visit(r, &visitor);
	if (code == FW_EXIT_DONE)
		code = send(&p);
	printf("%" PRIu64 " handed over, %" PRIu64 " of them new\n", p.handed, p.added);
	for (int i = 0; i < ARRAYS; i++)
		free(p.arrays[i].text);
	fw_db_close(&p.db);
	return code == FW_EXIT_DONE && p.handed == 0 ? FW_EXIT_NOTHING : code;
}
