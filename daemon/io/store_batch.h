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

struct fw_batch {
	struct fw_columns columns[FW_SQL_BATCH];
	struct fw_columns readings; /* of the reports */
	size_t row_count;           /* of actions */
	struct fw_receipt_item *items;
	size_t item_count, item_cap;
	struct fw_arena arena; /* of page_ids */
	const char **page_ids; /* whose claims it writes; may repeat */
	size_t page_id_count, page_id_cap;
	bool has_ledger_mark, has_checkpoint;
	int64_t ledger_mark_us; /* 0: not set */
	uint64_t journal, position;
	char locked[FW_ID_MAX]; /* the last incident put on the list to be locked */
	char *scratch;          /* for array literals */
	size_t scratch_cap;
};

void fw_batch_init(struct fw_batch *b);
void fw_batch_fini(struct fw_batch *b);  /* with what its items own */
void fw_batch_reset(struct fw_batch *b); /* its items have been handed on */
void fw_batch_add(struct fw_batch *b, const struct fw_action *action);

/* The rows that come last: ledger mark and checkpoint. */
void fw_batch_seal(struct fw_batch *b, const char *instance, enum fw_lane lane);

#endif
