/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, and what is printed instead of running; everything about settings comes from
 * their table. */
#include "app/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "io/config_file.h"
#include "model/settings.h"

#define CONFIG_STANDARD "/etc/firewatch/firewatchd.conf"
#define WHY_MAX 1024

static void
print_help(FILE *out)
{
	fprintf(out,
	    "Usage: firewatchd [-c FILE] [--check | --dump-config]\n"
	    "\n"
	    "Takes in what fire-monitoring devices say over MQTT, records it in PostgreSQL and pages people.\n"
	    "\n"
	    "  -c, --config FILE         configuration, default " CONFIG_STANDARD "\n"
	    "      --check               read the configuration, say whether it is good, end\n"
	    "      --dump-config         print every setting in force, end\n"
	    "      --settings-table FORM print the table of settings as markdown or man, end\n"
	    "      --help, --version\n"
	    "\n"
	    "SIGHUP takes over the settings that are reloadable, SIGTERM drains and ends.\n"
	    "Exit codes: 0 ended in order, 1 could not start, 2 usage or configuration.\n");
}

static int
take_table(const char *form, struct fw_options *out)
{
	if (strcmp(form, "markdown") == 0)
		out->task = FW_TASK_TABLE_MARKDOWN;
	else if (strcmp(form, "man") == 0)
		out->task = FW_TASK_TABLE_MAN;
	else {
		fprintf(
		    stderr, "firewatchd: --settings-table takes markdown or man, not '%s'\n", form);
		return FW_EINVAL;
	}
	return FW_OK;
}

int
fw_options_parse(int argc, char **argv, struct fw_options *out)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'k'},
	    {"dump-config", no_argument, NULL, 'd'},
	    {"settings-table", required_argument, NULL, 't'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {0},
	};
	int option;

	*out = (struct fw_options){.task = FW_TASK_RUN, .config_path = CONFIG_STANDARD};
	while ((option = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (option == 'c')
			out->config_path = optarg;
		else if (option == 'k')
			out->task = FW_TASK_CHECK;
		else if (option == 'd')
			out->task = FW_TASK_DUMP;
		else if (option == 'h')
			out->task = FW_TASK_HELP;
		else if (option == 'v')
			out->task = FW_TASK_VERSION;
		else if (option != 't' || take_table(optarg, out) != FW_OK)
			return FW_EINVAL;
	}
	if (optind < argc) {
		fprintf(
		    stderr, "firewatchd: '%s' is one word too many; see --help\n", argv[optind]);
		return FW_EINVAL;
	}
	return FW_OK;
}

/* ---------------------------------------------------------------- the table of settings */

static void
dump(const struct fw_settings *s)
{
	char value[FW_SETTING_TEXT_MAX];
	const char *section = "";

	for (size_t k = 0; k < fw_setting_count; k++) {
		const struct fw_setting *setting = &fw_setting_table[k];

		if (strcmp(section, setting->section) != 0) {
			section = setting->section;
			printf("%s[%s]\n", k ? "\n" : "", section);
		}
		fw_settings_show(s, setting, false, value, sizeof(value));
		printf("# %s  Default: %s%s\n%s = %s\n", setting->help,
		    *setting->standard ? setting->standard : "empty",
		    setting->reloadable ? "; reloadable" : "", setting->name, value);
	}
}

static void
print_markdown(void)
{
	printf("| setting | default | reload | meaning |\n| --- | --- | --- | --- |\n");
	for (size_t k = 0; k < fw_setting_count; k++) {
		const struct fw_setting *setting = &fw_setting_table[k];

		printf("| `%s.%s` | %s%s%s | %s | %s |\n", setting->section, setting->name,
		    *setting->standard ? "`" : "", setting->standard, *setting->standard ? "`" : "",
		    setting->reloadable ? "yes" : "", setting->help);
	}
}

static void
print_roff_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
	}
}

static void
print_man(void)
{
	const char *section = "";

	for (size_t k = 0; k < fw_setting_count; k++) {
		const struct fw_setting *setting = &fw_setting_table[k];

		if (strcmp(section, setting->section) != 0) {
			section = setting->section;
			printf(".SS [%s]\n", section);
		}
		printf(".TP\n.B %s\n", setting->name);
		print_roff_text(setting->help);
		printf("\nDefault: ");
		print_roff_text(*setting->standard ? setting->standard : "empty");
		printf("%s.\n", setting->reloadable ? "; reloadable" : "");
	}
}

static int
inform_of_config(const struct fw_options *options)
{
	struct fw_settings s;
	char why[WHY_MAX];
	int error;

	fw_settings_init(&s);
	error = fw_config_read(options->config_path, &s, why, sizeof(why));
	if (error != FW_OK)
		fprintf(stderr, "firewatchd: %s\n", why);
	else if (options->task == FW_TASK_CHECK)
		printf("%s: ok\n", options->config_path);
	else
		dump(&s);
	fw_settings_fini(&s);
	return error == FW_OK ? 0 : 2;
}

int
fw_options_inform(const struct fw_options *options)
{
	switch (options->task) {
	case FW_TASK_CHECK:
	case FW_TASK_DUMP:
		return inform_of_config(options);
	case FW_TASK_TABLE_MARKDOWN:
		print_markdown();
		return 0;
	case FW_TASK_TABLE_MAN:
		print_man();
		return 0;
	case FW_TASK_HELP:
		print_help(stdout);
		return 0;
	case FW_TASK_VERSION:
		printf("firewatchd %s\n", FW_VERSION);
		return 0;
	case FW_TASK_RUN:
		break;
	}
	return 2;
}
