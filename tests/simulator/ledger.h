/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what was sent, one line a report (SCENARIO.md).  Lines are in the file after
 * sim_ledger_flush. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "scenario/message.h"

struct sim_ledger {
	FILE *file; /* NULL: none is kept */
};

/* path NULL: none.  FW_EIO: errno tells. */
FW_MUST_CHECK int sim_ledger_open(struct sim_ledger *l, const char *path);
void sim_ledger_put(
    struct sim_ledger *l, const struct sim_message *m, enum sim_kind kind, int64_t now_us);
FW_MUST_CHECK int sim_ledger_flush(struct sim_ledger *l);
FW_MUST_CHECK int sim_ledger_close(struct sim_ledger *l);

#endif
