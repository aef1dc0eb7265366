/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a row that the database refuses, and where it goes; see store_refuse.h. */
#include "io/store_refuse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/decode.h"

/* Columns of FW_SQL_REPORT, in the order of store_batch.c. */
enum { DEVICE, BOOT, SEQUENCE, DIVISION, LANE, POSITION, INDEX, RECEIVED, BODY = 12 };

bool
fw_refused_for_good(const char *sqlstate)
{
	/* data exception, integrity constraint violation, a trigger's objection, a limit of the
	 * server */
	static const char *const classes[] = {"22", "23", "P0001", "54"};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	return false;
}

bool
fw_refusal_can(enum fw_sql statement)
{
	/* a quarantined row is made of what any table takes */
	return statement < FW_SQL_BATCH && statement != FW_SQL_QUARANTINE &&
	       statement != FW_SQL_LOCK && statement != FW_SQL_LEDGER_MARK &&
	       statement != FW_SQL_CHECKPOINT;
}

/* ---------------------------------------------------------------- the search */

static void probe(struct fw_refusal *r);

static void
end(struct fw_refusal *r, bool found)
{
	fw_columns_fini(&r->probe);
	r->done(found, r->low, r->context);
}

static void
on_probed(const struct fw_pg_error *error, void *context)
{
	struct fw_refusal *r = context;

	if (error && (error->lost || !fw_refused_for_good(error->sqlstate))) {
		end(r, false);
		return;
	}
	if (error) {
		r->high = r->middle;
		snprintf(r->why, sizeof(r->why), "%s", error->message);
	} else {
		r->low = r->middle;
	}
	if (r->low == r->high)
		end(r, false); /* all were let in this time */
	else
		probe(r);
}

static void
add_params(struct fw_refusal *r, struct fw_pg_step *step, struct fw_columns *c)
{
	fw_columns_params(c, r->values + r->used, r->lengths + r->used, r->formats + r->used);
	step->param_count += (int)c->count;
	r->used += c->count;
}

static void
add_rows(struct fw_refusal *r, enum fw_sql statement, struct fw_columns *c)
{
	struct fw_pg_step *step = &r->steps[r->request.step_count++];

	*step = (struct fw_pg_step){
	    .statement = statement,
	    .values = r->values + r->used,
	    .lengths = r->lengths + r->used,
	    .formats = r->formats + r->used,
	};
	add_params(r, step, c);
	if (statement == FW_SQL_REPORT)
		add_params(r, step, &r->batch->readings);
}

static void
fill_steps(struct fw_refusal *r)
{
	snprintf(r->fence, sizeof(r->fence), "%" PRIu64, r->batch->fence);
	r->enter_values[0] = r->batch->instance;
	r->enter_values[1] = r->fence;
	r->used = 0;
	r->steps[0] = (struct fw_pg_step){.statement = FW_SQL_BEGIN};
	r->steps[1] = (struct fw_pg_step){
	    .statement = FW_SQL_ENTER, .param_count = 2, .values = r->enter_values};
	r->request.step_count = 2;
	for (int i = 0; i < (int)r->statement; i++)
		if (r->batch->columns[i].rows > 0)
			add_rows(r, (enum fw_sql)i, &r->batch->columns[i]);
	add_rows(r, r->statement, &r->probe);
	r->steps[r->request.step_count++] = (struct fw_pg_step){.statement = FW_SQL_ROLLBACK};
}

/* A single row is tried too: it may have been refused for its neighbour. */
static void
probe(struct fw_refusal *r)
{
	size_t rows = r->high - r->low;

	if (rows == 1 && *r->why && r->middle == r->high) {
		end(r, true); /* refused alone */
		return;
	}
	r->middle = rows == 1 ? r->high : r->low + rows / 2;
	fw_columns_reset(&r->probe);
	fw_columns_copy(&r->probe, &r->batch->columns[r->statement], r->low, r->middle);
	r->request = (struct fw_pg_request){.steps = r->steps, .done = on_probed, .context = r};
	fill_steps(r);
	fw_pg_send(r->pg, &r->request);
}

void
fw_refusal_search(
    struct fw_refusal *r, struct fw_batch *batch, enum fw_sql statement, const char *why)
{
	r->batch = batch;
	r->statement = statement;
	r->low = 0;
	r->middle = r->high = batch->columns[statement].rows;
	snprintf(r->why, sizeof(r->why), "%s", why);
	fw_columns_init(&r->probe, fw_sql_columns[statement]);
	probe(r);
}

void
fw_refusal_fini(struct fw_refusal *r)
{
	fw_columns_fini(&r->probe);
}

/* ---------------------------------------------------------------- setting aside */

static const char *
text_of(struct fw_batch *b, const struct fw_columns *c, size_t column, size_t row)
{
	size_t n;
	const uint8_t *bytes = fw_columns_field(c, column, row, &n);

	return bytes ? fw_arena_text(&b->arena, (const char *)bytes, n) : "";
}

/* What stands in the quarantine instead of the row. */
struct aside {
	const char *id, *device, *topic, *detail, *report_device;
	int64_t lane, position, index, received_at_us;
	const uint8_t *payload;
	size_t payload_len;
	bool has_sequence;
	int64_t boot, sequence;
};

static void
put_aside(struct fw_batch *b, const struct aside *a)
{
	struct fw_columns *c = &b->columns[FW_SQL_QUARANTINE];

	fw_put_text(c, a->id);
	fw_put_text(c, a->device);
	fw_put_int(c, a->lane);
	fw_put_int(c, a->position);
	fw_put_int(c, (int64_t)a->payload_len);
	fw_put_time(c, a->received_at_us);
	fw_put_text(c, a->topic);
	fw_put_text(c, fw_reason_name(FW_REASON_REFUSED));
	fw_put_text(c, a->detail);
	fw_put_bytes(c, a->payload, a->payload_len);
	fw_put_int(c, a->index);
	fw_put_text(c, a->report_device);
	if (a->has_sequence) {
		fw_put_int(c, a->boot);
		fw_put_int(c, a->sequence);
	} else {
		fw_put_null(c);
		fw_put_null(c);
	}
}

static void
set_report_aside(struct fw_batch *b, size_t row, const char *why)
{
	struct fw_columns *c = &b->columns[FW_SQL_REPORT];
	struct fw_receipt_item *item = &b->items[b->report_items[row]];
	const char *device = text_of(b, c, DEVICE, row);
	struct fw_slice body;
	struct aside a = {
	    .device = item->via->id,
	    .detail = why,
	    .report_device = device,
	    .lane = fw_columns_int(c, LANE, row),
	    .position = fw_columns_int(c, POSITION, row),
	    .index = fw_columns_int(c, INDEX, row),
	    .received_at_us = fw_columns_time(c, RECEIVED, row),
	    .has_sequence = true,
	    .boot = fw_columns_int(c, BOOT, row),
	    .sequence = fw_columns_int(c, SEQUENCE, row),
	};

	body.bytes = fw_columns_field(c, BODY, row, &body.len);
	body = fw_encode_single(&b->arena, body);
	a.payload = body.bytes;
	a.payload_len = body.len;
	a.topic = fw_arena_printf(&b->arena, "fire/v1/%s/%s/%s", item->via->topic_division,
	    item->via->id, fw_lane_name((enum fw_lane)a.lane));
	a.id = fw_arena_printf(
	    &b->arena, "refused-%s-%" PRId64 "-%" PRIu64, device, a.boot, (uint64_t)a.sequence);
	put_aside(b, &a);
	item->rejected = FW_REASON_REFUSED;
	memmove(&b->report_items[row], &b->report_items[row + 1],
	    (c->rows - row - 1) * sizeof(*b->report_items));
}

/* One field as text; bytes that are no text as hex. */
static char *
print_field(struct fw_arena *arena, const struct fw_columns *c, size_t column, size_t row)
{
	size_t n;
	const uint8_t *bytes = fw_columns_field(c, column, row, &n);
	char *hex;

	if (!bytes)
		return fw_arena_printf(arena, "\\N");
	if (c->column[column].type == 't')
		return fw_arena_text(arena, (const char *)bytes, n);
	if (c->column[column].type != 'y' && c->column[column].type != 'f')
		return fw_arena_printf(arena, "%" PRId64, fw_columns_int(c, column, row));
	hex = fw_arena_alloc(arena, 2 * n + 1);
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	hex[2 * n] = '\0';
	return hex;
}

static void
set_other_aside(
    struct fw_batch *b, enum fw_sql statement, size_t row, int64_t now_us, const char *why)
{
	const struct fw_columns *c = &b->columns[statement];
	const char *name = fw_sql_statements[statement].name, *text = "";
	struct aside a = {
	    .device = "-", .detail = why, .lane = b->lane, .index = -1, .received_at_us = now_us};

	for (size_t i = 0; i < c->count; i++)
		text = fw_arena_printf(
		    &b->arena, "%s%s%s", text, i ? "\t" : "", print_field(&b->arena, c, i, row));
	a.payload = (const uint8_t *)text;
	a.payload_len = strlen(text);
	a.topic = fw_arena_printf(&b->arena, "firewatch/refused/%s", name);
	a.id = fw_arena_printf(&b->arena, "refused-%s-%s-%" PRIu64 "-%" PRIu64 "-%zu-%zu", name,
	    fw_lane_name(b->lane), b->fence, b->serial, row, c->rows);
	put_aside(b, &a);
}

static void
grant(struct fw_batch *b, const char *page_id)
{
	b->granted =
	    fw_grow(b->granted, &b->granted_cap, b->granted_count + 1, sizeof(*b->granted));
	b->granted[b->granted_count++] = page_id;
}

void
fw_refusal_set_aside(
    struct fw_batch *b, enum fw_sql statement, size_t row, int64_t now_us, const char *why)
{
	struct fw_columns *c = &b->columns[statement];

	fw_error("store %s: a row of \"%s\" is refused for good and set aside: %s",
	    fw_lane_name(b->lane), fw_sql_statements[statement].name, why);
	if (statement == FW_SQL_PAGE || statement == FW_SQL_CLAIM)
		grant(b, text_of(b, c, 0, row));
	if (statement == FW_SQL_REPORT)
		set_report_aside(b, row, why);
	else
		set_other_aside(b, statement, row, now_us, why);
	fw_columns_remove(c, row);
}
