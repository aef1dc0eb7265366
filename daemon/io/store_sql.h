/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SQL statement of the daemon.  Those of a batch stand in the order in which a transaction
 * runs them; each takes one array for each column (pg_columns.h) and is left out when it has no
 * rows.  Of rows with the same key the last one counts.
 */
#ifndef FW_IO_STORE_SQL_H
#define FW_IO_STORE_SQL_H

#include "io/pg.h"

enum fw_sql {
	FW_SQL_REPORT, /* the first of a batch */
	FW_SQL_DUPLICATE,
	FW_SQL_QUARANTINE,
	FW_SQL_REPLAYED,
	FW_SQL_REGISTER,
	FW_SQL_LOCK, /* before everything that belongs to an incident: the order of the functions of
			0003 */
	FW_SQL_INCIDENT,
	FW_SQL_ALARM,
	FW_SQL_STEP,
	FW_SQL_PAGE,  /* answers (notification_id, claimed) */
	FW_SQL_CLAIM, /* likewise */
	FW_SQL_RESULT,
	FW_SQL_TIMELINE,
	FW_SQL_FLOOD,
	FW_SQL_WINDOW,
	FW_SQL_HAZARD,
	FW_SQL_WATCH,
	FW_SQL_STATUS,
	FW_SQL_LEDGER,
	FW_SQL_LEDGER_MARK,
	FW_SQL_OUTAGE,
	FW_SQL_CHECKPOINT,
	FW_SQL_BATCH, /* how many these are */

	FW_SQL_ENTER = FW_SQL_BATCH, /* behind BEGIN: nothing is written without the lease */
	FW_SQL_REPORT_NEW,  /* FW_SQL_REPORT that refuses all (FW003) when the key refuses one */
	FW_SQL_REPORT_COPY, /* FW_SQL_REPORT as COPY: fails when the key refuses one (store_copy.h)
			     */
	FW_SQL_ROLLBACK,
	FW_SQL_READ_BATCH,
	FW_SQL_READ_KNOWN,

	FW_SQL_OF_LEASE, /* what the lease's connection needs, up to … */
	FW_SQL_BEGIN = FW_SQL_OF_LEASE,
	FW_SQL_COMMIT,
	FW_SQL_READ_CHECKPOINTS,
	FW_SQL_LEASE_SEE,
	FW_SQL_LEASE_TAKE,
	FW_SQL_LEASE_RENEW,
	FW_SQL_LEASE_GIVE,
	FW_SQL_HAND_OVER,
	FW_SQL_HANDED_OVER,
	FW_SQL_OF_LEASE_END, /* … here */

	FW_SQL_BEGIN_SNAPSHOT = FW_SQL_OF_LEASE_END,
	FW_SQL_MAKE_PARTITIONS,
	FW_SQL_DROP_PARTITIONS,
	FW_SQL_READ_LEDGER,
	FW_SQL_READ_REPORTS,
	FW_SQL_READ_SEEN,
	FW_SQL_READ_OUTAGES,
	FW_SQL_READ_INCIDENTS,
	FW_SQL_READ_ALARMS,
	FW_SQL_READ_STEPS,
	FW_SQL_READ_PAGES,
	FW_SQL_READ_OPENED,
	FW_SQL_READ_FLOODS,
	FW_SQL_READ_WINDOWS,
	FW_SQL_READ_FALSE_ALARMS,
	FW_SQL_READ_WATCHES,
	FW_SQL_READ_ACT,
	FW_SQL_READ_ACTS,
	FW_SQL_READ_REPLAYS,
	FW_SQL_READ_DIVISIONS,
	FW_SQL_READ_SITES,
	FW_SQL_READ_KINDS,
	FW_SQL_READ_THRESHOLDS,
	FW_SQL_READ_OVERRIDES,
	FW_SQL_READ_LEVELS,
	FW_SQL_READ_LIMITS,
	FW_SQL_READ_PROTECTIONS,
	FW_SQL_READ_DEVICES,
	FW_SQL_READ_PEOPLE,
	FW_SQL_READ_DUTY,
	FW_SQL_READ_POLICIES,
	FW_SQL_COUNT,
};

extern const struct fw_pg_statement fw_sql_statements[FW_SQL_COUNT];

/* Column types of the batch's statements, for fw_columns_init. */
extern const char *const fw_sql_columns[FW_SQL_BATCH];

/* FW_SQL_REPORT takes those of the readings of all its reports too, behind its own. */
extern const char *const fw_sql_reading_columns;

/* A step whose parameters are text, or that has none. */
struct fw_pg_step fw_sql_text_step(enum fw_sql statement, const char *const *values, int count);

#endif
