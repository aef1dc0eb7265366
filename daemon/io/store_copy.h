/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch's reports in the format of COPY BINARY: about half of what unnest costs the server, but
 * all or nothing, so that a batch in which the key refuses a report goes the other way.
 * Inside the store.
 */
#ifndef FW_IO_STORE_COPY_H
#define FW_IO_STORE_COPY_H

#include <stddef.h>

#include "io/store_batch.h"

#define FW_COPY_ROWS_LEAST 200 /* fewer are sooner done in one pipeline */

/* Writes into b->copy, which it grows. */
void fw_copy_reports(struct fw_batch *b);

#endif
