/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as one call, so that main.c is small and the parts can be linked into other programs.
 */
#ifndef FW_APP_DAEMON_H
#define FW_APP_DAEMON_H

#include "model/settings.h"

/* Runs until SIGTERM or SIGINT.  Takes over what `settings` owns.  Returns the exit code: 0 stopped
 * in order, 1 could not start. */
int fw_daemon_run(struct fw_settings *settings, const char *config_path);

#endif
