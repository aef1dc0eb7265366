/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of the command line: a table of commands and a table of options (command.c), and what
 * a command is handed. */
#ifndef FW_CLI_COMMAND_H
#define FW_CLI_COMMAND_H

#include <stdbool.h>

#include "cli/exit.h"

#define FW_ARGUMENTS_MAX 2

enum fw_option {
	FW_OPTION_ACTOR,
	FW_OPTION_ALL,
	FW_OPTION_CLASS,
	FW_OPTION_CONFIG,
	FW_OPTION_DEADLINE,
	FW_OPTION_DEVICE,
	FW_OPTION_DIVISION,
	FW_OPTION_DSN,
	FW_OPTION_FROM,
	FW_OPTION_HELP,
	FW_OPTION_LIMIT,
	FW_OPTION_MODE,
	FW_OPTION_NOTE,
	FW_OPTION_OUTPUT,
	FW_OPTION_OVERDUE,
	FW_OPTION_QUIET,
	FW_OPTION_REASON,
	FW_OPTION_SINCE,
	FW_OPTION_SITE,
	FW_OPTION_SOCKET,
	FW_OPTION_START,
	FW_OPTION_STATE,
	FW_OPTION_UNTIL,
	FW_OPTION_VERSION,
	FW_OPTION_ZONE,
	FW_OPTIONS,
};

/* What was asked for.  All texts are the command line's or the environment's, checked to be valid
 * UTF-8. */
struct fw_request {
	const char *command; /* its words: "alarm list" */
	const char *states;  /* the words its --state allows */
	const char *arguments[FW_ARGUMENTS_MAX];
	/* NULL: not given; DSN, SOCKET and OUTPUT have their defaults */
	const char *options[FW_OPTIONS];
};

struct fw_command {
	const char *words;
	const char *arguments; /* "" or words for the manual, as many as it takes */
	unsigned options;      /* bit n: takes enum fw_option n */
	enum fw_exit (*run)(const struct fw_request *r);
	const char *states; /* for --state */
	const char *help;   /* one line */
};

extern const struct fw_command fw_commands[]; /* ends with an empty one */

/* Fills *r and *command.  On a fault says it; help and version are printed and leave *command NULL.
 */
enum fw_exit fw_command_parse(
    int argc, char **argv, struct fw_request *r, const struct fw_command **command);

/* Is `word` one of words with a space between them? */
bool fw_is_word_of(const char *word, const char *words);

#endif
