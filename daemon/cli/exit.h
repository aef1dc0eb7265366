/* SPDX-License-Identifier: Apache-2.0 */
/* The exit codes of firewatchctl, which scripts build on. */
#ifndef FW_CLI_EXIT_H
#define FW_CLI_EXIT_H

enum fw_exit {
	FW_EXIT_DONE = 0,
	FW_EXIT_NOTHING = 1,     /* nothing found, or the answer is no */
	FW_EXIT_USAGE = 2,       /* the command line is wrong, or a file cannot be read */
	FW_EXIT_UNREACHABLE = 3, /* no database, or no daemon */
	FW_EXIT_REFUSED = 4,     /* not permitted, not as things stand, faulty town files */
	FW_EXIT_CONFLICT = 5,    /* someone else was faster: try again */
};

#endif
