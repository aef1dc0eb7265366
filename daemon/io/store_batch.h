/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one transaction, gathered column by column; what an action points to is copied.
 * Inside the store. */
#ifndef FW_IO_STORE_BATCH_H
#define FW_IO_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/core.h"
#include "io/pg_columns.h"
#include "io/store_sql.h"

/* Parameters and steps of its transaction, at most. */
#define FW_STORE_COLUMNS ((size_t)(FW_SQL_BATCH + 1) * FW_COLUMNS_MAX)
#define FW_STORE_STEPS (FW_SQL_BATCH + 3)

struct fw_batch {
	const char *instance; /* borrowed */
	enum fw_lane lane;
	uint64_t fence, serial; /* set when it is sealed */
	struct fw_columns columns[FW_SQL_BATCH];
	struct fw_columns readings; /* of the reports */
	size_t row_count;           /* of actions */
	struct fw_receipt_item *items;
	size_t item_count, item_cap;
	size_t items_of[FW_LANES]; /* by the lane they came by */
	uint32_t *report_items;    /* for each row of FW_SQL_REPORT its item */
	size_t report_item_cap;
	bool has_replays;      /* reports taken in again, which the key may know */
	struct fw_arena arena; /* of page_ids */
	const char **page_ids; /* whose claims it writes; may repeat */
	size_t page_id_count, page_id_cap;
	const char **granted; /* pages whose claim could not be written, to be sent all the same */
	size_t granted_count, granted_cap;
	bool has_ledger_mark, has_checkpoint;
	int64_t ledger_mark_us;     /* by the monotonic clock; 0: not set */
	uint64_t journal, position; /* journal 0: none yet */
	char locked[FW_ID_MAX];     /* the last incident put on the list to be locked */
	uint8_t *copy;              /* its reports as rows, while it is sent so */
	size_t copy_len, copy_cap;
	char *scratch; /* for array literals */
	size_t scratch_cap;
};

void fw_batch_init(struct fw_batch *b, const char *instance, enum fw_lane lane);
void fw_batch_fini(struct fw_batch *b);  /* with what its items own */
void fw_batch_reset(struct fw_batch *b); /* its items have been handed on */
void fw_batch_add(struct fw_batch *b, const struct fw_action *action);

/* The ledger mark, whose age grows while the batch waits to be sent. */
void fw_batch_mark(struct fw_batch *b);

/* The row that comes last: the checkpoint, with the number of the batch. */
void fw_batch_seal(struct fw_batch *b, uint64_t fence, uint64_t serial);

#endif
