/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that belong to no incident: of devices, and of what the centre finds itself.  Each is added
 * to the batch's columns.  Inside the store. */
#ifndef FW_IO_STORE_ROWS_H
#define FW_IO_STORE_ROWS_H

#include "io/store_batch.h"

void fw_row_device(struct fw_batch *b, const struct fw_device *d);
void fw_row_outage(struct fw_batch *b, int64_t from_us, int64_t up_us);
void fw_row_status(struct fw_batch *b, const struct fw_device *d);
void fw_row_ledger(struct fw_batch *b, const struct fw_device *d, const struct fw_boot *boot);
void fw_row_flood(struct fw_batch *b, const struct fw_flood *f);
void fw_row_window(struct fw_batch *b, const struct fw_window *w, int64_t at_us);
void fw_row_hazard(struct fw_batch *b, const struct fw_hazard *h);
void fw_row_watch(struct fw_batch *b, const struct fw_watch_row *w);

#endif
