/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands do; command.c names them. */
#ifndef FW_CLI_RUN_H
#define FW_CLI_RUN_H

#include <stddef.h>

#include "base/error.h"
#include "cli/command.h"

enum fw_exit fw_run_act(const struct fw_request *r);            /* act.c */
enum fw_exit fw_run_classification(const struct fw_request *r); /* classification.c */
enum fw_exit fw_run_import(const struct fw_request *r);         /* import.c */
enum fw_exit fw_run_journal_export(const struct fw_request *r); /* journal_export.c */
enum fw_exit fw_run_journal_replay(const struct fw_request *r); /* journal_replay.c */
enum fw_exit fw_run_journal_show(const struct fw_request *r);   /* journal_show.c */
enum fw_exit fw_run_journal_verify(const struct fw_request *r); /* journal_show.c */
enum fw_exit fw_run_list(const struct fw_request *r);           /* list.c */
enum fw_exit fw_run_migrate(const struct fw_request *r);        /* migrate.c */
enum fw_exit fw_run_migrate_status(const struct fw_request *r); /* migrate.c */
enum fw_exit fw_run_reconcile(const struct fw_request *r);      /* reconcile.c */
enum fw_exit fw_run_show(const struct fw_request *r);           /* show.c */
enum fw_exit fw_run_simulate(const struct fw_request *r);       /* simulate.c */
enum fw_exit fw_run_status(const struct fw_request *r);         /* status.c */

/* --actor, or who runs the program.  act.c */
const char *fw_actor_of(const struct fw_request *r);

#endif
