/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of devices and of what the centre finds itself; see store_rows.h.  Columns stand in the
 * order of the statements in store_sql.c. */
#include "io/store_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"

/* ---------------------------------------------------------------- array literals, of integers only
 */

enum gap_field { GAP_FIRST, GAP_LAST, GAP_OPENED };

static void
put_gaps(struct fw_batch *b, struct fw_columns *c, const struct fw_seqset *s, enum gap_field field)
{
	size_t size = (size_t)fw_seqset_gap_count(s) * 24 + 3, n = 1;
	char *text;

	b->scratch = text = fw_grow(b->scratch, &b->scratch_cap, size, 1);
	text[0] = '{';
	for (uint32_t i = 0; i < fw_seqset_gap_count(s); i++) {
		const struct fw_gap *g = &s->gaps->items[i];
		int64_t value = 0;

		switch (field) {
		case GAP_FIRST:
			value = (int64_t)g->first;
			break;
		case GAP_LAST:
			value = (int64_t)g->last;
			break;
		case GAP_OPENED:
			value = g->opened_at_us;
			break;
		}
		n += (size_t)snprintf(text + n, size - n, "%s%" PRId64, i ? "," : "", value);
	}
	text[n++] = '}';
	fw_put_text_n(c, text, n);
}

/* ---------------------------------------------------------------- devices */

void
fw_row_device(struct fw_batch *b, const struct fw_device *d)
{
	struct fw_columns *c = &b->columns[FW_SQL_REGISTER];

	fw_put_text(c, d->id);
	fw_put_text(c, fw_device_division(d));
}

void
fw_row_outage(struct fw_batch *b, int64_t from_us, int64_t up_us)
{
	struct fw_columns *c = &b->columns[FW_SQL_OUTAGE];

	fw_put_text(c, b->instance);
	fw_put_time(c, from_us);
	fw_put_time(c, up_us);
}

void
fw_row_status(struct fw_batch *b, const struct fw_device *d)
{
	struct fw_columns *c = &b->columns[FW_SQL_STATUS];

	if (!d->seen)
		return;
	fw_put_text(c, d->id);
	fw_put_time(c, d->last_seen_us);
	fw_put_time(c, d->last_observed_us);
	fw_put_int(c, d->last_boot_id);
	fw_put_int(c, (int32_t)d->mode);
	fw_put_int(c, d->clock_fault);
	if (d->has_health && d->battery_percent)
		fw_put_int(c, d->battery_percent);
	else
		fw_put_null(c);
	if (d->has_health) {
		fw_put_int(c, d->signal_dbm);
		fw_put_int(c, d->mains_ok);
		fw_put_text(c, d->firmware);
	} else {
		for (int i = 0; i < 3; i++)
			fw_put_null(c);
	}
	fw_put_text(c, d->topic_division);
}

void
fw_row_ledger(struct fw_batch *b, const struct fw_device *d, const struct fw_boot *boot)
{
	struct fw_columns *c = &b->columns[FW_SQL_LEDGER];

	fw_put_text(c, d->id);
	fw_put_int(c, boot->boot_id);
	fw_put_text(c, fw_device_division(d));
	fw_put_int(c, (int64_t)boot->recorded.highest);
	put_gaps(b, c, &boot->recorded, GAP_FIRST);
	put_gaps(b, c, &boot->recorded, GAP_LAST);
	put_gaps(b, c, &boot->recorded, GAP_OPENED);
}

/* ---------------------------------------------------------------- what the centre finds itself */

void
fw_row_flood(struct fw_batch *b, const struct fw_flood *f)
{
	struct fw_columns *c = &b->columns[FW_SQL_FLOOD];

	fw_put_text(c, f->division);
	fw_put_time(c, f->started_at_us);
	fw_put_time_or_null(c, f->ended_at_us);
	fw_put_int(c, (int32_t)f->peak_10min);
	fw_put_int(c, (int32_t)f->alarms);
	fw_put_text(c, b->instance);
}

void
fw_row_window(struct fw_batch *b, const struct fw_window *w, int64_t at_us)
{
	struct fw_columns *c = &b->columns[FW_SQL_WINDOW];

	fw_put_text(c, w->id);
	fw_put_text(c, w->division);
	fw_put_time(c, at_us);
}

void
fw_row_hazard(struct fw_batch *b, const struct fw_hazard *h)
{
	struct fw_columns *c = &b->columns[FW_SQL_HAZARD];

	fw_put_text(c, h->id);
	fw_put_text(c, h->division);
	fw_put_text(c, h->site);
	fw_put_text(c, h->device);
	fw_put_text(c, h->class);
	fw_put_text(c, h->kind);
	fw_put_text(c, h->major ? "major" : "general");
	fw_put_text(c, h->person);
	fw_put_text(c, h->reason);
	fw_put_text(c, h->alarm);
	fw_put_time(c, h->found_at_us);
	fw_put_time(c, h->deadline_at_us);
}

void
fw_row_watch(struct fw_batch *b, const struct fw_watch_row *w)
{
	struct fw_columns *c = &b->columns[FW_SQL_WATCH];

	fw_put_text(c, w->device);
	fw_put_int(c, w->point);
	fw_put_text(c, fw_quantity_name(w->quantity));
	fw_put_text(c, fw_class_name(w->class));
	fw_put_int(c, w->below);
	fw_put_int(c, w->is_change);
	fw_put_text(c, w->division);
	fw_put_text(c, w->state);
	fw_put_text(c, w->name);
	fw_put_double(c, w->value);
	fw_put_double(c, w->change);
	fw_put_int(c, w->boot_id);
	fw_put_int(c, (int64_t)w->sequence);
	fw_put_int(c, (int32_t)w->mode);
	fw_put_int(c, w->backfill);
	fw_put_int(c, w->past);
	fw_put_time(c, w->at_us);
	fw_put_time(c, w->observed_at_us);
	fw_put_time(c, w->received_at_us);
	fw_put_time(c, w->due_at_us);
	fw_put_text(c, b->instance);
}
