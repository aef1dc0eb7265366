/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one lane writes to PostgreSQL: rows are gathered into a batch, a batch is one transaction on
 * the lane's own connection, one batch is under way at a time.  So the batch grows with the load.
 *
 * A lost connection, an aborted transaction, an unknown outcome: the same batch is sent again; its
 * keys make that harmless. Everything runs in the loop.
 */
#ifndef FW_IO_STORE_H
#define FW_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "io/loop.h"
#include "io/pg.h"

struct fw_store;

struct fw_committed {
	uint64_t serial;               /* of the batch */
	struct fw_receipt_item *items; /* for fw_core_committed, which takes what they own */
	size_t item_count;
	const char *const *claimed; /* ids of pages whose claim was written … */
	size_t claimed_count;
	const char *const *refused; /* … and of those that were answered before */
	size_t refused_count;
	bool has_checkpoint;
	uint64_t journal, position; /* the checkpoint it wrote */
	uint64_t known;  /* report rows that the key refused: duplicates that nobody knew */
	int64_t took_us; /* from sending to the answer */
};

struct fw_store_handlers {
	/* Connected and prepared, or not any more; `why` a sentence. */
	void (*up)(bool up, const char *why, void *context);
	/* A batch is committed; what `done` points to holds during the call. */
	void (*committed)(const struct fw_committed *done, void *context);
	/* The batch under way was decided from reports that the database knows, called for each;
	 * then take_back: the batch is not committed and never will be. */
	void (*known)(const char *device, uint32_t boot_id, uint64_t sequence, void *context);
	/* What this store decided and sent does not follow from what the database has: the state is
	 * to be read anew.  `why` a sentence. */
	void (*take_back)(const char *why, void *context);
	/* Another daemon holds the lease. */
	void (*fenced)(void *context);
	/* NOTIFY of a channel that fw_store_listen named. */
	void (*notified)(const char *channel, const char *payload, void *context);
	void *context;
};

struct fw_store_options { /* strings are copied */
	const char *dsn;
	const char *session_name; /* in pg_stat_activity */
	const char *instance;
	enum fw_lane lane;
	int64_t retry_max_ms;      /* longest pause between attempts to connect */
	const char *const *listen; /* channels; count may be 0 */
	size_t listen_count;
};

struct fw_store *fw_store_new(struct fw_loop *loop, const struct fw_store_options *options,
    const struct fw_store_handlers *handlers);
void fw_store_free(struct fw_store *s); /* NULL is allowed */
/* With the fence of the lease that is held, which every batch carries. */
void fw_store_start(struct fw_store *s, uint64_t fence);
bool fw_store_is_started(const struct fw_store *s);

/* Batches whose state was decided from a report that the database knows are refused and taken back
 * (the default), or committed all the same. */
void fw_store_refuse_known(struct fw_store *s, bool refuse);

/* Where the journal stands that the batches speak of, before the first one. */
void fw_store_set_position(struct fw_store *s, uint64_t journal, uint64_t position);

/* The connection, for reads between batches (store_read.h, town_read.h). */
struct fw_pg *fw_store_pg(struct fw_store *s);

/* Copies the row of one action of the write kinds (FW_ACT_REPORT … FW_ACT_TIMELINE, STATUS, LEDGER,
 * LEDGER_MARK) into the batch. */
void fw_store_add(struct fw_store *s, const struct fw_action *action);

/* What the stored ledger will hold with the batch's LEDGER_MARK: every report committed longer ago
 * than this. */
void fw_store_set_ledger_mark(struct fw_store *s, int64_t age_us);

/* How far the lane's journal will be recorded with this batch.  The last call before sending
 * counts. */
void fw_store_set_checkpoint(struct fw_store *s, uint64_t journal, uint64_t position);

/* Sends the gathered batch when connected, none is under way and it is not empty.  True when it
 * went. */
bool fw_store_send(struct fw_store *s);

/* Batches are numbered from 1.  The gathered one has `gathering`; all up to `committed` are in the
 * database. */
struct fw_store_state {
	bool up;
	uint64_t gathering, committed;
	size_t gathered_rows;   /* in the batch being gathered */
	size_t gathered_bytes;  /* of its columns: to be kept well below 1 GiB, the most that
				   PostgreSQL takes for one */
	size_t under_way_rows;  /* in the batch under way; 0 none … */
	int64_t under_way_us;   /* … and how long ago it was last sent */
	size_t items[FW_LANES]; /* of both, by the lane they came by */
	uint64_t rows, transactions, retries, connects; /* since start */
	uint64_t known;                                 /* report rows that the key refused */
	uint64_t set_aside; /* rows that the database refused for good */
	int64_t last_commit_took_us;
};
void fw_store_state(const struct fw_store *s, struct fw_store_state *out);

#endif
