/* SPDX-License-Identifier: Apache-2.0 */
/* firewatchd: reads its command line and its configuration, then runs. */
#include <stdio.h>

#include "app/daemon.h"
#include "app/options.h"
#include "io/config_file.h"

#define WHY_MAX 1024

int
main(int argc, char **argv)
{
	struct fw_options options;
	struct fw_settings settings;
	char why[WHY_MAX];

	if (fw_options_parse(argc, argv, &options) != FW_OK)
		return 2;
	if (options.task != FW_TASK_RUN)
		return fw_options_inform(&options);
	fw_settings_init(&settings);
	if (fw_config_read(options.config_path, &settings, why, sizeof(why)) != FW_OK) {
		fprintf(stderr, "firewatchd: %s\n", why);
		fw_settings_fini(&settings);
		return 2;
	}
	return fw_daemon_run(&settings, options.config_path);
}
