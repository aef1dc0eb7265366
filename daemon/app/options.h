/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of firewatchd. */
#ifndef FW_APP_OPTIONS_H
#define FW_APP_OPTIONS_H

#include "base/error.h"

enum fw_task {
	FW_TASK_RUN,
	FW_TASK_CHECK,          /* read the configuration and say whether it is good */
	FW_TASK_DUMP,           /* print every setting in force */
	FW_TASK_TABLE_MARKDOWN, /* print the table of settings for README.md … */
	FW_TASK_TABLE_MAN,      /* … and for the man page */
	FW_TASK_HELP,
	FW_TASK_VERSION,
};

struct fw_options {
	enum fw_task task;
	const char *config_path; /* the command line's own text */
};

/* FW_EINVAL: what is wrong has been said on standard error. */
FW_MUST_CHECK int fw_options_parse(int argc, char **argv, struct fw_options *out);

/* Does any task but FW_TASK_RUN.  Returns the exit code: 0, or 2 when the configuration is at
 * fault. */
int fw_options_inform(const struct fw_options *options);

#endif
