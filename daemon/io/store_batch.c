/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one transaction; see store_batch.h.  Columns stand in the order of the statements in
 * store_sql.c. */
#include "io/store_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/store_rows.h"

void
fw_batch_init(struct fw_batch *b, const char *instance, enum fw_lane lane)
{
	memset(b, 0, sizeof(*b));
	b->instance = instance;
	b->lane = lane;
	fw_arena_init(&b->arena, 4096);
	for (int i = 0; i < FW_SQL_BATCH; i++)
		fw_columns_init(&b->columns[i], fw_sql_columns[i]);
	fw_columns_init(&b->readings, fw_sql_reading_columns);
}

void
fw_batch_fini(struct fw_batch *b)
{
	for (int i = 0; i < FW_SQL_BATCH; i++)
		fw_columns_fini(&b->columns[i]);
	fw_columns_fini(&b->readings);
	for (size_t i = 0; i < b->item_count; i++)
		free(b->items[i].claimed);
	free(b->items);
	free(b->report_items);
	free(b->page_ids);
	free(b->granted);
	free(b->copy);
	free(b->scratch);
	fw_arena_fini(&b->arena);
}

void
fw_batch_reset(struct fw_batch *b)
{
	for (int i = 0; i < FW_SQL_BATCH; i++)
		fw_columns_reset(&b->columns[i]);
	fw_columns_reset(&b->readings);
	fw_arena_reset(&b->arena);
	b->row_count = b->item_count = b->page_id_count = b->granted_count = 0;
	memset(b->items_of, 0, sizeof(b->items_of));
	b->has_ledger_mark = b->has_checkpoint = b->has_replays = false;
	b->ledger_mark_us = 0;
	b->journal = b->position = 0;
	b->locked[0] = '\0';
}

static void
keep_item(struct fw_batch *b, const struct fw_receipt_item *item)
{
	b->items = fw_grow(b->items, &b->item_cap, b->item_count + 1, sizeof(*b->items));
	b->items[b->item_count++] = *item;
	b->items_of[item->lane]++;
}

static void
keep_report_item(struct fw_batch *b, const struct fw_action *action)
{
	size_t row = b->columns[FW_SQL_REPORT].rows - 1;

	b->report_items =
	    fw_grow(b->report_items, &b->report_item_cap, row + 1, sizeof(*b->report_items));
	b->report_items[row] = (uint32_t)b->item_count;
	b->has_replays |= action->u.report->message->replay_id != NULL;
	keep_item(b, &action->item);
}

/* ---------------------------------------------------------------- reports */

static void
add_report(struct fw_batch *b, const struct fw_report *r)
{
	struct fw_columns *c = &b->columns[FW_SQL_REPORT];
	const struct fw_message *m = r->message;

	fw_put_text(c, r->device->id);
	fw_put_int(c, r->boot_id);
	fw_put_int(c, (int64_t)r->sequence);
	fw_put_text(c, fw_device_division(r->device));
	fw_put_int(c, m->lane);
	fw_put_int(c, (int64_t)m->position);
	fw_put_int(c, (int32_t)r->index);
	fw_put_time(c, m->received_at_us);
	fw_put_time(c, r->observed_at_us);
	fw_put_int(c, r->clock_fault);
	fw_put_int(c, r->backfill);
	fw_put_int(c, (int32_t)r->mode);
	fw_put_bytes(c, r->body, r->body_len);
	fw_put_int(c, (int64_t)b->readings.rows + 1);
	fw_put_int(c, (int64_t)r->reading_count * 3);
	for (size_t i = 0; i < r->reading_count; i++) {
		fw_put_double(&b->readings, r->readings[i].point);
		fw_put_double(&b->readings, r->readings[i].quantity);
		fw_put_double(&b->readings, r->readings[i].value);
	}
}

static void
add_duplicate(struct fw_batch *b, const struct fw_report *r)
{
	struct fw_columns *c = &b->columns[FW_SQL_DUPLICATE];
	const struct fw_message *m = r->message;

	fw_put_text(c, r->device->id);
	fw_put_int(c, r->boot_id);
	fw_put_int(c, (int64_t)r->sequence);
	fw_put_text(c, fw_device_division(r->device));
	fw_put_int(c, m->lane);
	fw_put_int(c, (int64_t)m->journal);
	fw_put_int(c, (int64_t)m->position);
	fw_put_int(c, (int32_t)r->index);
	fw_put_time(c, m->received_at_us);
}

static void
add_quarantine(struct fw_batch *b, const struct fw_quarantine *q)
{
	struct fw_columns *c = &b->columns[FW_SQL_QUARANTINE];
	const struct fw_message *m = q->message;
	char id[96];

	snprintf(id, sizeof(id), "%s-%" PRIu64 "-%" PRIu64 "-%" PRId32, fw_lane_name(m->lane),
	    m->journal, m->position, q->index);
	fw_put_text(c, id);
	fw_put_text(c, q->device);
	fw_put_int(c, m->lane);
	fw_put_int(c, (int64_t)m->position);
	fw_put_int(c, (int64_t)(q->index < 0 ? m->original_len : q->payload_len));
	fw_put_time(c, m->received_at_us);
	fw_put_text_n(c, m->topic, m->topic_len);
	fw_put_text(c, fw_reason_name(q->reason));
	fw_put_text(c, q->detail ? q->detail : "");
	fw_put_bytes(c, q->payload, q->payload_len);
	fw_put_int(c, q->index);
	fw_put_text(c, q->report_device);
	if (q->has_sequence) {
		fw_put_int(c, q->boot_id);
		fw_put_int(c, (int64_t)q->sequence);
	} else {
		fw_put_null(c);
		fw_put_null(c);
	}
}

static void
add_replayed(struct fw_batch *b, const char *quarantine_id, const char *outcome)
{
	struct fw_columns *c = &b->columns[FW_SQL_REPLAYED];

	fw_put_text(c, quarantine_id);
	fw_put_text(c, outcome);
}

/* ---------------------------------------------------------------- incidents and what belongs to
 * them */

static void
lock_incident(struct fw_batch *b, const struct fw_incident *i)
{
	if (strcmp(b->locked, i->id) == 0)
		return;
	snprintf(b->locked, sizeof(b->locked), "%s", i->id);
	fw_put_text(&b->columns[FW_SQL_LOCK], i->id);
}

static void
add_incident(struct fw_batch *b, const struct fw_incident *i)
{
	struct fw_columns *c = &b->columns[FW_SQL_INCIDENT];

	lock_incident(b, i);
	fw_put_text(c, i->id);
	fw_put_text(c, i->division);
	fw_put_text(c, i->site);
	fw_put_text(c, i->device);
	fw_put_text(c, fw_class_name(i->class));
	fw_put_text(c, fw_severity_name(i->severity));
	fw_put_time(c, i->opened_at_us);
	fw_put_time_or_null(c, i->confirmed_at_us);
	fw_put_text(c, fw_level_name(i->level));
	fw_put_int(c, (int32_t)i->alarm_count);
	fw_put_int(c, (int32_t)i->trigger_count);
	fw_put_text(c, b->instance);
	fw_put_text(c, fw_confidence_name(i->confidence));
	fw_put_text(c, i->merged_into);
	fw_put_time_or_null(c, i->merged_into ? i->closed_at_us : 0);
	fw_put_time_or_null(c, i->called_at_us);
}

static void
add_alarm(struct fw_batch *b, const struct fw_alarm *a)
{
	struct fw_columns *c = &b->columns[FW_SQL_ALARM];
	const struct fw_incident *i = a->incident;

	lock_incident(b, i);
	fw_put_text(c, a->id);
	fw_put_text(c, a->device->id);
	fw_put_text(c, i->id);
	fw_put_text(c, i->division);
	fw_put_text(c, fw_alarm_site(a));
	fw_put_text(c, a->zone);
	fw_put_int(c, a->point);
	fw_put_text(c, fw_class_name(a->class));
	fw_put_text(c, fw_severity_name(a->severity));
	fw_put_int(c, (int64_t)a->conditions);
	fw_put_int(c, a->system_type);
	fw_put_int(c, a->component_type);
	fw_put_int(c, (int32_t)a->mode);
	fw_put_int(c, a->backfill);
	fw_put_time(c, a->observed_at_us);
	fw_put_time(c, a->received_at_us);
	fw_put_time(c, a->last_seen_us);
	fw_put_int(c, (int32_t)a->report_count);
	fw_put_time_or_null(c, a->restored_at_us);
	fw_put_int(c, a->raised_boot);
	fw_put_int(c, (int64_t)a->raised_sequence);
	fw_put_text(c, fw_level_name(a->level));
	fw_put_text(c, a->reason);
	fw_put_text(c, a->text);
	fw_put_text(c, a->rule);
	fw_put_text(c, a->data);
	fw_put_int(c, (int32_t)a->weight);
	fw_put_int(c, a->was_reset);
	fw_put_int(c, a->restored_boot);
	fw_put_int(c, (int64_t)a->restored_sequence);
}

static const char *
step_state(const struct fw_step *s)
{
	switch (s->state) {
	case FW_STEP_QUEUED:
		return "queued";
	case FW_STEP_DONE:
		return "done";
	case FW_STEP_CANCELLED:
		return "cancelled";
	}
	abort();
}

static void
add_step(struct fw_batch *b, const struct fw_step *s)
{
	struct fw_columns *c = &b->columns[FW_SQL_STEP];

	lock_incident(b, s->incident);
	fw_put_text(c, s->incident->id);
	fw_put_text(c, s->incident->division);
	fw_put_int(c, (int32_t)s->trigger);
	fw_put_int(c, s->step);
	fw_put_text(c, s->role);
	fw_put_text(c, s->channel);
	fw_put_time(c, s->due_at_us);
	fw_put_int(c, s->force);
	fw_put_text(c, step_state(s));
	fw_put_int(c, s->site_only);
}

static void
ask_claim(struct fw_batch *b, const char *page_id)
{
	b->page_ids =
	    fw_grow(b->page_ids, &b->page_id_cap, b->page_id_count + 1, sizeof(*b->page_ids));
	b->page_ids[b->page_id_count++] = fw_arena_text(&b->arena, page_id, strlen(page_id));
}

static void
put_page(struct fw_batch *b, struct fw_columns *c, const struct fw_page *p)
{
	lock_incident(b, p->incident);
	fw_put_text(c, p->id);
	fw_put_text(c, p->incident->id);
	fw_put_text(c, p->incident->division);
	fw_put_int(c, (int32_t)p->trigger);
	fw_put_int(c, p->step);
	fw_put_text(c, p->role);
	fw_put_text(c, p->person);
	fw_put_text(c, p->channel);
	fw_put_text(c, p->target);
	fw_put_int(c, p->force);
	fw_put_time(c, p->due_at_us);
	fw_put_time_or_null(c, p->sent_at_us);
	fw_put_int(c, (int32_t)p->attempts);
}

static const char *
page_state(const struct fw_page *p)
{
	switch (p->state) {
	case FW_PAGE_WRITING:
	case FW_PAGE_SENDING:
		return "sent";
	case FW_PAGE_WAITING:
		return "queued";
	case FW_PAGE_DELIVERED:
		return "delivered";
	case FW_PAGE_FAILED:
		return "failed";
	case FW_PAGE_CANCELLED:
		return "cancelled";
	}
	abort();
}

static void
add_result(struct fw_batch *b, const struct fw_page *p)
{
	struct fw_columns *c = &b->columns[FW_SQL_RESULT];

	put_page(b, c, p);
	fw_put_text(c, page_state(p));
	fw_put_text(c, p->error ? p->error : "");
}

static void
add_claim(struct fw_batch *b, const struct fw_page *p)
{
	struct fw_columns *c = &b->columns[FW_SQL_CLAIM];

	lock_incident(b, p->incident);
	fw_put_text(c, p->id);
	fw_put_text(c, p->incident->division);
	fw_put_int(c, (int32_t)p->attempts);
	fw_put_time(c, p->sent_at_us);
	fw_put_text(c, p->incident->id);
	fw_put_int(c, (int32_t)p->trigger);
	fw_put_int(c, p->force);
	ask_claim(b, p->id);
}

static void
add_timeline(struct fw_batch *b, const struct fw_timeline *t)
{
	struct fw_columns *c = &b->columns[FW_SQL_TIMELINE];

	lock_incident(b, t->incident);
	fw_put_text(c, t->incident->id);
	fw_put_text(c, t->incident->division);
	fw_put_text(c, t->key);
	fw_put_time(c, t->at_us);
	fw_put_text(c, t->kind);
	fw_put_text(c, t->actor);
	fw_put_text(c, t->detail);
}

void
fw_batch_add(struct fw_batch *b, const struct fw_action *action)
{
	b->row_count++;
	switch (action->type) {
	case FW_ACT_REPORT:
		add_report(b, action->u.report);
		keep_report_item(b, action);
		return;
	case FW_ACT_DUPLICATE:
		add_duplicate(b, action->u.report);
		keep_item(b, &action->item);
		return;
	case FW_ACT_QUARANTINE:
		add_quarantine(b, action->u.quarantine);
		keep_item(b, &action->item);
		return;
	case FW_ACT_REPLAYED:
		add_replayed(b, action->u.replayed.quarantine_id, action->u.replayed.outcome);
		return;
	case FW_ACT_REGISTER:
		fw_row_device(b, action->u.device);
		return;
	case FW_ACT_ALARM:
		add_alarm(b, action->u.alarm);
		return;
	case FW_ACT_INCIDENT:
		add_incident(b, action->u.incident);
		return;
	case FW_ACT_STEP:
		add_step(b, action->u.step);
		return;
	case FW_ACT_PAGE:
		put_page(b, &b->columns[FW_SQL_PAGE], action->u.page);
		ask_claim(b, action->u.page->id);
		return;
	case FW_ACT_CLAIM:
		add_claim(b, action->u.page);
		return;
	case FW_ACT_RESULT:
		add_result(b, action->u.page);
		return;
	case FW_ACT_TIMELINE:
		add_timeline(b, action->u.timeline);
		return;
	case FW_ACT_FLOOD:
		fw_row_flood(b, action->u.flood);
		return;
	case FW_ACT_WINDOW:
		fw_row_window(b, action->u.window.window, action->u.window.at_us);
		return;
	case FW_ACT_HAZARD:
		fw_row_hazard(b, action->u.hazard);
		return;
	case FW_ACT_WATCH:
		fw_row_watch(b, action->u.watch);
		return;
	case FW_ACT_STATUS:
		fw_row_status(b, action->u.device);
		return;
	case FW_ACT_LEDGER:
		fw_row_ledger(b, action->u.ledger.device, action->u.ledger.boot);
		return;
	case FW_ACT_OUTAGE:
		fw_row_outage(b, action->u.outage.from_us, action->u.outage.up_us);
		return;
	case FW_ACT_LEDGER_MARK:
		b->has_ledger_mark = true;
		return;
	case FW_ACT_SEND:
	case FW_ACT_ASK:
	case FW_ACT_RECEIPT:
		break;
	}
	b->row_count--; /* nothing to be stored */
}

void
fw_batch_mark(struct fw_batch *b)
{
	struct fw_columns *c = &b->columns[FW_SQL_LEDGER_MARK];

	if (!b->has_ledger_mark || !b->ledger_mark_us)
		return;
	fw_columns_reset(c);
	fw_put_text(c, b->instance);
	fw_put_int(c, fw_monotonic_us() - b->ledger_mark_us);
}

void
fw_batch_seal(struct fw_batch *b, uint64_t fence, uint64_t serial)
{
	struct fw_columns *c = &b->columns[FW_SQL_CHECKPOINT];

	b->fence = fence;
	b->serial = serial;
	if (!b->journal)
		return;
	fw_put_text(c, b->instance);
	fw_put_int(c, b->lane);
	fw_put_int(c, (int64_t)b->journal);
	fw_put_int(c, (int64_t)b->position);
	fw_put_int(c, (int64_t)fence);
	fw_put_int(c, (int64_t)serial);
}
