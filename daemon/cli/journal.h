/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on journals share: the lanes of a folder, and the records of each. */
#ifndef FW_CLI_JOURNAL_H
#define FW_CLI_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "io/journal_scan.h"

struct fw_lane_folder {
	const char *name; /* alarm, telemetry */
	int lane;         /* enum fw_lane; -1: one lane's folder of another name */
	struct fw_scan *scan;
};

struct fw_journal_visitor {
	/* The first answer that is not FW_EXIT_DONE ends the visit. */
	enum fw_exit (*record)(
	    void *context, const struct fw_lane_folder *lane, const struct fw_record *r);
	enum fw_exit (*lost)(
	    void *context, const struct fw_lane_folder *lane, const struct fw_scan_item *item);
	enum fw_exit (*end)(void *context, const struct fw_lane_folder *lane); /* may be NULL */
	void *context;
};

/* DIR/alarm and DIR/telemetry, or DIR itself; records as --since, --until and --device want them.
 * Faults have been told. */
FW_MUST_CHECK enum fw_exit fw_journal_visit(
    const struct fw_request *r, const struct fw_journal_visitor *visitor);

#endif
