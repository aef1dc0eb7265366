/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar; see command.h.  The two tables at the top are the manual: --help prints them. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/run.h"
#include "cli/say.h"

#define TAKES(option) (1u << FW_OPTION_##option)
#define ALWAYS (TAKES(HELP) | TAKES(VERSION))
#define DATABASE (ALWAYS | TAKES(DSN))
#define SHOW (DATABASE | TAKES(OUTPUT))
#define LIST (SHOW | TAKES(LIMIT))
#define WHERE (TAKES(SITE) | TAKES(DIVISION) | TAKES(DEVICE))
#define WHEN (TAKES(SINCE) | TAKES(UNTIL))
#define ACT (SHOW | TAKES(ACTOR) | TAKES(NOTE))

const struct fw_command fw_commands[] = {
    {"alarm list", "", LIST | WHERE | WHEN | TAKES(CLASS) | TAKES(STATE), fw_run_list,
	"active restored", "alarms, the newest first"},
    {"alarm show", "ID", SHOW, fw_run_show, "", "one alarm"},
    {"classification list", "", ALWAYS | TAKES(OUTPUT), fw_run_classification, "",
	"what each condition means of each type of component, and where that is from"},
    {"db migrate", "", DATABASE, fw_run_migrate, "", "bring the schema to this program's version"},
    {"db status", "", DATABASE, fw_run_migrate_status, "",
	"which migrations are applied; exit 1 when some are missing"},
    {"device list", "", LIST | WHERE | TAKES(STATE), fw_run_list, "claimed unclaimed",
	"devices and what they last said of themselves"},
    {"device show", "ID", SHOW, fw_run_show, "",
	"one device, its active alarms and what is missing of it"},
    {"explain alarm", "ID", SHOW, fw_run_show, "",
	"which rule, data and level made it what it is, and why whom was called"},
    {"flood list", "", LIST | WHEN | TAKES(DIVISION) | TAKES(STATE), fw_run_list, "active over",
	"times with more alarms in a division than people can follow"},
    {"gap list", "", LIST | WHEN | TAKES(DIVISION) | TAKES(DEVICE), fw_run_list, "",
	"sequences that were passed over and have not come"},
    {"hazard assign", "ID PERSON", ACT | TAKES(DEADLINE), fw_run_act, "",
	"make a person responsible for a hazard"},
    {"hazard close", "ID", ACT, fw_run_act, "",
	"end a hazard that was reviewed; --note, which it needs, says how"},
    {"hazard list", "", LIST | WHERE | WHEN | TAKES(CLASS) | TAKES(STATE) | TAKES(OVERDUE),
	fw_run_list, "open rectifying review closed", "the hazard ledger, the newest first"},
    {"hazard rectify", "ID", ACT, fw_run_act, "",
	"say in --note what is being done; sends back what is in review"},
    {"hazard review", "ID", ACT, fw_run_act, "", "it is done: somebody is to look at it"},
    {"hazard show", "ID", SHOW, fw_run_show, "", "one hazard with all that happened to it"},
    {"import", "DIR", DATABASE, fw_run_import, "",
	"town data from CSV files: all of it, or nothing"},
    {"incident acknowledge", "ID", ACT, fw_run_act, "",
	"answer for an incident: what is queued is not sent"},
    {"incident close", "ID", ACT, fw_run_act, "", "end an incident that has a verdict"},
    {"incident list", "", LIST | WHERE | WHEN | TAKES(CLASS) | TAKES(STATE), fw_run_list,
	"open acknowledged closed", "incidents, the newest first"},
    {"incident show", "ID", SHOW, fw_run_show, "",
	"one incident with its alarms, notifications and timeline"},
    {"incident verify", "ID VERDICT", ACT, fw_run_act, "",
	"say what it is: real_fire, false_alarm, test, maintenance, unknown"},
    {"journal export", "DIR FILE", ALWAYS | WHEN | TAKES(DEVICE), fw_run_journal_export, "",
	"records as JSON lines with their SHA-256, as evidence; FILE must not exist"},
    {"journal replay", "DIR", DATABASE | WHEN | TAKES(DEVICE) | TAKES(ACTOR), fw_run_journal_replay,
	"", "hand a journal's messages to the running daemon"},
    {"journal show", "DIR", ALWAYS | WHEN | TAKES(DEVICE) | TAKES(LIMIT) | TAKES(OUTPUT),
	fw_run_journal_show, "", "what the journal in DIR holds, also while the daemon runs"},
    {"journal verify", "DIR", ALWAYS, fw_run_journal_verify, "",
	"read all of it; exit 1 when something is damaged or missing"},
    {"notification list", "", LIST | WHEN | TAKES(DIVISION) | TAKES(STATE), fw_run_list,
	"queued sent delivered failed cancelled", "pages to people, the newest first"},
    {"quarantine list", "", LIST | WHEN | TAKES(DEVICE), fw_run_list, "",
	"what could not be decoded or believed"},
    {"quarantine replay", "ID", SHOW | TAKES(ACTOR), fw_run_act, "",
	"ask the daemon to take it in again"},
    {"quarantine show", "ID", SHOW, fw_run_show, "", "one of them, with its bytes"},
    {"reconcile", "", SHOW | WHEN | TAKES(DIVISION) | TAKES(DEVICE) | TAKES(ALL), fw_run_reconcile,
	"", "compare what has come with its sequences; exit 1 when some are missing"},
    {"simulate", "FILE", DATABASE | TAKES(CONFIG) | TAKES(START) | TAKES(QUIET), fw_run_simulate,
	"", "play a scenario against the town in virtual time: what would happen"},
    {"status", "", ALWAYS | TAKES(SOCKET) | TAKES(OUTPUT), fw_run_status, "",
	"what the daemon says of itself now"},
    {"window declare", "SITE",
	SHOW | TAKES(ACTOR) | TAKES(ZONE) | TAKES(DEVICE) | TAKES(MODE) | TAKES(REASON) |
	    TAKES(FROM) | TAKES(UNTIL),
	fw_run_act, "", "a site, zone or device is tested: needs --mode, --reason and --until"},
    {"window end", "ID", ACT, fw_run_act, "", "end a window early, or call it off"},
    {"window list", "", LIST | WHERE | WHEN | TAKES(STATE), fw_run_list, "planned active ended",
	"test and maintenance windows, the newest first"},
    {"window show", "ID", SHOW, fw_run_show, "", "one window, and what was raised in it"},
    {0},
};

static const struct {
	const char *name;
	const char *value; /* NULL: takes none */
	const char *help;
} options[FW_OPTIONS] = {
    [FW_OPTION_ACTOR] = {"actor", "NAME", "who acts; default $USER, else the account's name"},
    [FW_OPTION_ALL] = {"all", NULL, "also what nothing is missing of"},
    [FW_OPTION_CLASS] = {"class", "CLASS",
	"fire, gas, electrical, pre_alarm, supervisory, fault, …"},
    [FW_OPTION_CONFIG] = {"config", "FILE",
	"the daemon's settings; default: every setting's default"},
    [FW_OPTION_DEADLINE] = {"deadline", "TIME",
	"until when it is to be done; +7d is in seven days"},
    [FW_OPTION_DEVICE] = {"device", "ID", "of this device"},
    [FW_OPTION_DIVISION] = {"division", "CODE", "of this division and everything below it"},
    [FW_OPTION_DSN] = {"dsn", "DSN", "the database; default $FIREWATCH_DSN, else dbname=firewatch"},
    [FW_OPTION_FROM] = {"from", "TIME", "when it begins; default now"},
    [FW_OPTION_HELP] = {"help", NULL, "this text, or the command's"},
    [FW_OPTION_LIMIT] = {"limit", "N", "at most so many rows; default 100"},
    [FW_OPTION_MODE] = {"mode", "MODE", "test or maintenance"},
    [FW_OPTION_NOTE] = {"note", "TEXT", "written into the record"},
    [FW_OPTION_OUTPUT] = {"output", "FORMAT", "text, json or csv; default text"},
    [FW_OPTION_OVERDUE] = {"overdue", NULL, "whose deadline has passed"},
    [FW_OPTION_QUIET] = {"quiet", NULL, "only what it comes to at the end"},
    [FW_OPTION_REASON] = {"reason", "TEXT", "why"},
    [FW_OPTION_SINCE] = {"since", "TIME",
	"RFC 3339, or how long ago: 30min, 2h, 7d; +2h is in two hours"},
    [FW_OPTION_SITE] = {"site", "ID", "of this site"},
    [FW_OPTION_SOCKET] = {"socket", "PATH",
	"the daemon's; default $FIREWATCH_SOCKET, else /run/firewatch/control"},
    [FW_OPTION_START] = {"start", "TIME", "when the scenario begins; as for --since; default now"},
    [FW_OPTION_STATE] = {"state", "STATE", "in this state"},
    [FW_OPTION_UNTIL] = {"until", "TIME",
	"before this time, or when it ends: RFC 3339, 2h is two hours ago, +2h in two hours"},
    [FW_OPTION_VERSION] = {"version", NULL, "the version of this program"},
    [FW_OPTION_ZONE] = {"zone", "ZONE", "of this zone of the site"},
};

static void
print_option(enum fw_option o, const char *states)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s %s", options[o].name,
	    options[o].value ? options[o].value : "");
	if (o == FW_OPTION_STATE && states && *states)
		printf("  %-18s one of: %s\n", name, states);
	else
		printf("  %-18s %s\n", name, options[o].help);
}

static void
print_options(unsigned which, const char *states)
{
	printf("\nOptions:\n");
	for (int o = 0; o < FW_OPTIONS; o++)
		if (which & 1u << o)
			print_option((enum fw_option)o, states);
}

static bool
begins_with(const char *words, const char *word)
{
	size_t n = strlen(word);

	return strncmp(words, word, n) == 0 && words[n] == ' ';
}

static bool
is_group(const char *word)
{
	const struct fw_command *c = fw_commands;

	while (c->words && !begins_with(c->words, word))
		c++;
	return c->words != NULL;
}

/* Those whose first word this is, or with NULL all. */
static void
print_commands(FILE *out, const char *word)
{
	for (const struct fw_command *c = fw_commands; c->words; c++) {
		char form[64];

		if (word && !begins_with(c->words, word))
			continue;
		snprintf(form, sizeof(form), "%s %s", c->words, c->arguments);
		fprintf(out, "  %-28s %s\n", form, c->help);
	}
}

static void
print_help(void)
{
	printf("Usage: firewatchctl COMMAND [ARGUMENT…] [--OPTION VALUE…]\n\nCommands:\n");
	print_commands(stdout, NULL);
	print_options(~0u, NULL);
	printf(
	    "\nExit: 0 done, 1 nothing found or the answer is no, 2 usage, 3 cannot reach, 4 refused, 5 conflict\n"
	    "firewatchctl COMMAND --help tells what a command takes.\n");
}

static void
print_command_help(const struct fw_command *c)
{
	printf("Usage: firewatchctl %s%s%s [--OPTION VALUE…]\n\n  %s\n", c->words,
	    *c->arguments ? " " : "", c->arguments, c->help);
	print_options(c->options, c->states);
}

/* The command whose words begin the plain words; *used tells how many they are. */
static const struct fw_command *
find_command(char **plain, int count, int *used)
{
	for (const struct fw_command *c = fw_commands; c->words; c++) {
		char two[128];

		snprintf(two, sizeof(two), "%s %s", count > 0 ? plain[0] : "",
		    count > 1 ? plain[1] : "");
		*used = strchr(c->words, ' ') ? 2 : 1;
		if (count >= *used && strcmp(c->words, *used == 2 ? two : plain[0]) == 0)
			return c;
	}
	return NULL;
}

static int
find_option(const char *name, size_t n)
{
	for (int o = 0; o < FW_OPTIONS; o++)
		if (strlen(options[o].name) == n && strncmp(options[o].name, name, n) == 0)
			return o;
	return -1;
}

/* Takes the option at argv[*at] and moves *at over its value. */
static enum fw_exit
take_option(int argc, char **argv, int *at, struct fw_request *r)
{
	const char *text = argv[*at] + 2, *value = strchr(text, '=');
	size_t n = value ? (size_t)(value - text) : strlen(text);
	int o = find_option(text, n);

	if (o < 0) {
		fw_say("unknown option %s", argv[*at]);
		return FW_EXIT_USAGE;
	}
	if (value && options[o].value)
		value++;
	else if (value || (options[o].value && *at + 1 >= argc)) {
		fw_say("--%s takes %s value", options[o].name, value ? "no" : "a");
		return FW_EXIT_USAGE;
	} else
		value = options[o].value ? argv[++*at] : "";
	if (options[o].value && !*value && o != FW_OPTION_NOTE && o != FW_OPTION_DSN) {
		fw_say("--%s takes a value that is not empty", options[o].name);
		return FW_EXIT_USAGE;
	}
	if (r->options[o]) {
		fw_say("--%s is given twice", options[o].name);
		return FW_EXIT_USAGE;
	}
	r->options[o] = value;
	return FW_EXIT_DONE;
}

bool
fw_is_word_of(const char *word, const char *words)
{
	size_t n = strlen(word);

	for (const char *at = words; *at; at += strspn(at, " ")) {
		size_t next = strcspn(at, " ");

		if (next == n && strncmp(at, word, n) == 0)
			return true;
		at += next;
	}
	return false;
}

static int
count_words(const char *text)
{
	int n = *text != '\0';

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

static enum fw_exit
check(const struct fw_command *c, struct fw_request *r, char **arguments, int count)
{
	if (count != count_words(c->arguments)) {
		fw_say(
		    "usage: firewatchctl %s%s%s", c->words, *c->arguments ? " " : "", c->arguments);
		return FW_EXIT_USAGE;
	}
	for (int i = 0; i < count; i++)
		r->arguments[i] = arguments[i];
	for (int o = 0; o < FW_OPTIONS; o++)
		if (r->options[o] && !(c->options & 1u << o)) {
			fw_say("%s takes no --%s", c->words, options[o].name);
			return FW_EXIT_USAGE;
		}
	r->command = c->words;
	r->states = c->states;
	return FW_EXIT_DONE;
}

static void
set_default(struct fw_request *r, enum fw_option o, const char *variable, const char *otherwise)
{
	const char *value = variable ? getenv(variable) : NULL;

	if (!r->options[o])
		r->options[o] = value && *value ? value : otherwise;
}

static enum fw_exit
take_words(int argc, char **argv, struct fw_request *r, char **plain, int *count)
{
	bool only_plain = false;

	for (int i = 1; i < argc; i++) {
		enum fw_exit code = FW_EXIT_DONE;

		if (!fw_text_valid(argv[i], strlen(argv[i]))) {
			fw_say("argument %d is not valid UTF-8", i);
			return FW_EXIT_USAGE;
		}
		if (only_plain || strncmp(argv[i], "--", 2) != 0)
			plain[(*count)++] = argv[i];
		else if (argv[i][2] == '\0')
			only_plain = true;
		else
			code = take_option(argc, argv, &i, r);
		if (code != FW_EXIT_DONE)
			return code;
	}
	return FW_EXIT_DONE;
}

/* A command that is not whole is told what it may be. */
static enum fw_exit
refuse(char **plain, int count)
{
	if (count == 0)
		fw_say("no command; see firewatchctl --help");
	else if (count == 1 && is_group(plain[0]))
		fw_say("%s does one of these:", plain[0]);
	else
		fw_say("unknown command %s%s%s; see firewatchctl --help", plain[0],
		    count > 1 ? " " : "", count > 1 ? plain[1] : "");
	if (count == 1)
		print_commands(stderr, plain[0]);
	return FW_EXIT_USAGE;
}

static enum fw_exit
choose(struct fw_request *r, char **plain, int count, const struct fw_command **command)
{
	int used = 0;
	const struct fw_command *c = find_command(plain, count, &used);
	enum fw_exit code;

	if (r->options[FW_OPTION_VERSION])
		return printf("firewatchctl %s\n", FW_VERSION) > 0 ? FW_EXIT_DONE
								   : FW_EXIT_UNREACHABLE;
	if (count == 1 && strcmp(plain[0], "help") == 0)
		r->options[FW_OPTION_HELP] = "";
	if (r->options[FW_OPTION_HELP] && c) {
		print_command_help(c);
		return FW_EXIT_DONE;
	}
	if (r->options[FW_OPTION_HELP]) {
		if (count == 1 && is_group(plain[0]))
			print_commands(stdout, plain[0]);
		else
			print_help();
		return FW_EXIT_DONE;
	}
	if (!c)
		return refuse(plain, count);
	code = check(c, r, plain + used, count - used);
	if (code == FW_EXIT_DONE)
		*command = c;
	return code;
}

enum fw_exit
fw_command_parse(int argc, char **argv, struct fw_request *r, const struct fw_command **command)
{
	char **plain = calloc((size_t)argc + 1, sizeof(*plain));
	int count = 0;
	enum fw_exit code;

	if (!plain)
		abort();
	*r = (struct fw_request){0};
	*command = NULL;
	code = take_words(argc, argv, r, plain, &count);
	if (code == FW_EXIT_DONE)
		code = choose(r, plain, count, command);
	free(plain);
	set_default(r, FW_OPTION_DSN, "FIREWATCH_DSN", "dbname=firewatch");
	set_default(r, FW_OPTION_SOCKET, "FIREWATCH_SOCKET", "/run/firewatch/control");
	set_default(r, FW_OPTION_OUTPUT, NULL, "text");
	return code;
}
