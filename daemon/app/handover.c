/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon that is not the active one hands over what its journal holds beyond its checkpoints: the
 * active one takes it in like what is replayed from quarantine, deduplicated, and with the time of
 * receipt it had.  The checkpoint moves in the same transaction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/state.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/pg_columns.h"
#include "io/store_sql.h"

#define RECORDS_MOST 500
#define BYTES_MOST ((size_t)8 << 20)
#define ACTOR "firewatchd"

enum { LANES, JOURNALS, POSITIONS, BYTES, RECEIVED, TOPICS, PAYLOADS, BY, PARAMS };

struct fw_handover {
	struct fw_daemon *d;
	bool asked, ready; /* for the checkpoints, and they are known */
	bool sending;      /* a transaction is under way, or its rows wait to be sent again */
	struct fw_columns rows;
	int lane_sent; /* whose rows they are */
	uint64_t next[FW_LANES], count;
	char lane[4], journal[24], position[24];
	const char *values[PARAMS], *marks[4];
	int lengths[PARAMS], formats[PARAMS];
	struct fw_pg_step steps[4];
	struct fw_pg_request request;
};

static void go_on(struct fw_handover *h);

static void
on_handed(const struct fw_pg_error *error, void *context)
{
	struct fw_handover *h = context;

	h->sending = false;
	if (error) { /* the rows stay: again at the next connect or second */
		if (!error->lost)
			fw_error("handing over: %s", error->message);
		return;
	}
	h->count += h->rows.rows;
	fw_columns_reset(&h->rows);
	go_on(h);
}

static void
send(struct fw_handover *h, const struct fw_lane_unit *lane)
{
	fw_columns_params(&h->rows, h->values, h->lengths, h->formats);
	h->values[BY] = ACTOR;
	h->lengths[BY] = sizeof(ACTOR) - 1;
	h->formats[BY] = 0;
	snprintf(h->lane, sizeof(h->lane), "%d", (int)lane->id);
	snprintf(h->journal, sizeof(h->journal), "%" PRIu64, lane->journal_id);
	snprintf(h->position, sizeof(h->position), "%" PRIu64, h->next[lane->id]);
	h->marks[0] = h->d->settings->instance.name;
	h->marks[1] = h->lane;
	h->marks[2] = h->journal;
	h->marks[3] = h->position;
	h->steps[0] = (struct fw_pg_step){.statement = FW_SQL_BEGIN};
	h->steps[1] = (struct fw_pg_step){.statement = FW_SQL_HAND_OVER,
	    .param_count = PARAMS,
	    .values = h->values,
	    .lengths = h->lengths,
	    .formats = h->formats};
	h->steps[2] = (struct fw_pg_step){
	    .statement = FW_SQL_HANDED_OVER, .param_count = 4, .values = h->marks};
	h->steps[3] = (struct fw_pg_step){.statement = FW_SQL_COMMIT};
	h->request = (struct fw_pg_request){
	    .steps = h->steps, .step_count = 4, .done = on_handed, .context = h};
	h->sending = true;
	fw_pg_send(fw_lease_pg(h->d->lease), &h->request);
}

static void
put(struct fw_handover *h, const struct fw_lane_unit *lane, const struct fw_record *r)
{
	fw_put_int(&h->rows, lane->id);
	fw_put_int(&h->rows, (int64_t)lane->journal_id);
	fw_put_int(&h->rows, (int64_t)r->position);
	fw_put_int(&h->rows, (int64_t)r->original_len);
	fw_put_time(&h->rows, r->received_at_us);
	fw_put_text_n(&h->rows, r->topic, r->topic_len);
	fw_put_bytes(&h->rows, r->payload, r->payload_len);
	h->next[lane->id] = r->next;
}

/* True: there are rows of the lane to be sent. */
static bool
gather(struct fw_handover *h, const struct fw_lane_unit *lane)
{
	struct fw_record record;

	while (h->rows.rows < RECORDS_MOST && h->rows.bytes < BYTES_MOST &&
	       fw_journal_read(lane->journal, &record) == FW_OK)
		put(h, lane, &record);
	return h->rows.rows > 0;
}

static void
go_on(struct fw_handover *h)
{
	for (int k = 0; k < FW_LANES; k++) {
		/* rows that could not be sent are of this lane */
		if (h->rows.rows && h->lane_sent != k)
			continue;
		if (gather(h, &h->d->lanes[k])) {
			h->lane_sent = k;
			send(h, &h->d->lanes[k]);
			return;
		}
	}
	if (h->count)
		fw_notice("handed over %" PRIu64 " messages to the active daemon", h->count);
	h->count = 0;
}

static void
on_checkpoints(const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context)
{
	struct fw_daemon *d = context;
	struct fw_handover *h = d->handover;

	h->asked = false;
	if (d->role != FW_ROLE_STANDBY)
		return; /* it has become the active one meanwhile */
	if (error) {
		fw_warning("handing over: checkpoints could not be read: %s", error);
		return;
	}
	for (int k = 0; k < FW_LANES; k++)
		if (!fw_lane_seek(&d->lanes[k], &checkpoints[k]))
			return;
	h->ready = true;
	go_on(h);
}

bool
fw_handover_has_begun(const struct fw_daemon *d)
{
	return d->handover && d->handover->ready;
}

void
fw_handover(struct fw_daemon *d)
{
	struct fw_handover *h = d->handover;

	if (!h) {
		h = d->handover = fw_calloc(1, sizeof(*h));
		h->d = d;
		fw_columns_init(&h->rows, "2888mty");
	}
	if (h->asked || h->sending)
		return;
	if (h->ready) {
		go_on(h);
		return;
	}
	h->asked = true;
	fw_read_checkpoints(fw_lease_pg(d->lease), d->settings->instance.name,
	    fw_lane_journals(d->lanes).id, on_checkpoints, d);
}

void
fw_handover_free(struct fw_handover *h)
{
	if (!h)
		return;
	fw_columns_fini(&h->rows);
	free(h);
}
