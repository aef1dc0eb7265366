/* SPDX-License-Identifier: Apache-2.0 */
/* firewatchctl: the operator's and the administrator's command line. */
#include <locale.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/say.h"

int
main(int argc, char **argv)
{
	const struct fw_command *command;
	struct fw_request request;
	enum fw_exit code;

	setlocale(LC_TIME, "");
	code = fw_command_parse(argc, argv, &request, &command);
	if (command)
		code = command->run(&request);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fw_say("cannot write: %m");
		return FW_EXIT_UNREACHABLE;
	}
	return (int)code;
}
