/* SPDX-License-Identifier: Apache-2.0 */
/* firewatch-sim: reads the command line and the scenario, plays it, says what became of it.
 * SCENARIO.md is its manual. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "player.h"
#include "scenario/file.h"
#include "scenario/words.h"

enum exit_code { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

struct arguments {
	struct sim_options play;
	const char *ledger, *scenario;
	bool json, quiet, check;
};

static const char usage_text[] =
    "usage: firewatch-sim [--host H] [--port P] [--username U] [--password P] [--ledger FILE] [--seed N] [--speed X]\n"
    "                     [--receipts] [--resend-after D] [--resend-max N] [--until-receipted D] [--window N]\n"
    "                     [--connect-timeout D] [--report text|json] [--check] [--quiet] SCENARIO\n"
    "       firewatch-sim --help | --version\n";

static int
usage(const char *what)
{
	fprintf(stderr, "firewatch-sim: %s\n%s", what, usage_text);
	return EXIT_USAGE;
}

static const struct option options[] = {
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"username", required_argument, NULL, 'u'},
    {"password", required_argument, NULL, 'w'},
    {"ledger", required_argument, NULL, 'l'},
    {"seed", required_argument, NULL, 's'},
    {"speed", required_argument, NULL, 'x'},
    {"receipts", no_argument, NULL, 'r'},
    {"resend-after", required_argument, NULL, 'a'},
    {"resend-max", required_argument, NULL, 'm'},
    {"until-receipted", required_argument, NULL, 't'},
    {"window", required_argument, NULL, 'n'},
    {"connect-timeout", required_argument, NULL, 'c'},
    {"report", required_argument, NULL, 'o'},
    {"check", no_argument, NULL, 'k'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'H'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int
take_argument(struct arguments *a, int option, char *value)
{
	struct sim_words w = {.word = {{.text = value}}, .count = 1};
	struct sim_options *o = &a->play;
	int64_t number;
	int rc = FW_OK;

	switch (option) {
	case 'h':
		o->publisher.host = value;
		break;
	case 'u':
		o->publisher.username = value;
		break;
	case 'w':
		o->publisher.password = value;
		break;
	case 'l':
		a->ledger = value;
		break;
	case 'r':
		o->publisher.receipts = true;
		break;
	case 'k':
		a->check = true;
		break;
	case 'q':
		a->quiet = true;
		break;
	case 'H':
		fputs(usage_text, stdout);
		exit(EXIT_DONE);
	case 'V':
		puts("firewatch-sim " FW_VERSION);
		exit(EXIT_DONE);
	case 's':
		rc = sim_take_sequence(&w, &o->seed);
		break;
	case 'x':
		rc = sim_take_value(&w, &o->speed);
		break;
	case 'a':
		rc = sim_take_duration(&w, &o->resend_after_us);
		break;
	case 'm':
		rc = sim_take_number(&w, 0, 1000000, &o->resend_max);
		break;
	case 't':
		rc = sim_take_duration(&w, &o->until_receipted_us);
		break;
	case 'c':
		rc = sim_take_duration(&w, &o->publisher.connect_timeout_us);
		break;
	case 'p':
		rc = sim_take_number(&w, 1, 65535, &number);
		o->publisher.port = (int)number;
		break;
	case 'n':
		rc = sim_take_number(&w, 1, 60000, &number);
		o->publisher.window = (int)number;
		break;
	case 'o':
		a->json = strcmp(value, "json") == 0;
		rc = a->json || strcmp(value, "text") == 0
			 ? FW_OK
			 : sim_words_fault(&w, "a report is text or json");
		break;
	default:
		return usage("unknown option");
	}
	return rc == FW_OK ? EXIT_DONE : usage(w.what);
}

static int
take_arguments(struct arguments *a, int argc, char **argv)
{
	int option, rc;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = take_argument(a, option, optarg);
		if (rc != EXIT_DONE)
			return rc;
	}
	if (optind + 1 != argc)
		return usage("one scenario is needed");
	a->scenario = argv[optind];
	if (!(a->play.speed > 0.0001 && a->play.speed < 1e6))
		return usage("the speed is out of range");
	if (a->play.until_receipted_us > 0)
		a->play.publisher.receipts = true;
	return EXIT_DONE;
}

/* No device does these: they are for virtual time. */
static int
refuse_acts(const char *path, const struct sim_scenario *s)
{
	int rc = FW_OK;

	for (size_t i = 0; i < s->action_count; i++)
		if (sim_action_is_act(&s->actions[i])) {
			fprintf(stderr,
			    "%s:%u: what people and servers do is for firewatchctl simulate\n",
			    path, s->actions[i].line);
			rc = FW_EFORMAT;
		}
	return rc;
}

static int
read_scenario(const char *path, struct sim_scenario *s)
{
	size_t n;
	char *text = sim_file_read(path, &n);
	int rc;

	if (!text) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		*s = (struct sim_scenario){0};
		return FW_EIO;
	}
	rc = sim_scenario_read(s, text, n);
	free(text);
	for (size_t i = 0; i < s->fault_count; i++)
		fprintf(stderr, "%s:%u: %s\n", path, s->faults[i].line, s->faults[i].what);
	return rc == FW_OK ? refuse_acts(path, s) : rc;
}

static void
print_summary(const struct arguments *a, const struct sim_counts *c)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
	    {"messages", c->messages},
	    {"reports", c->first + c->duplicates + c->resends},
	    {"first", c->first},
	    {"duplicates", c->duplicates},
	    {"resends", c->resends},
	    {"garbage", c->garbage},
	    {"published", c->published},
	    {"republished", c->republished},
	    {"acknowledged", c->acknowledged},
	    {"refused", c->refused},
	    {"receipted", c->receipted},
	    {"rejected", c->rejected},
	    {"unreceipted", c->unreceipted},
	    {"connections", c->connections},
	};
	double rate = c->seconds > 0 ? (double)c->acknowledged / c->seconds : 0;

	if (!a->json && a->quiet)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf(a->json ? "%s\"%s\": %" PRIu64 : "%s%s %" PRIu64,
		    i == 0 ? (a->json ? "{" : "") : ", ", rows[i].name, rows[i].count);
	printf(a->json ? ", \"seconds\": %.3f, \"messages_per_second\": %.0f}\n"
		       : ", %.3f s, %.0f messages/s\n",
	    c->seconds, rate);
}

static int
play(struct arguments *a, struct sim_scenario *s)
{
	struct sim_ledger ledger;
	struct sim_counts counts;
	int rc;

	if (sim_ledger_open(&ledger, a->ledger) != FW_OK) {
		fprintf(stderr, "%s: %s\n", a->ledger, strerror(errno));
		return EXIT_USAGE;
	}
	rc = sim_play(s, &a->play, &ledger, &counts);
	if (sim_ledger_close(&ledger) != FW_OK && rc == FW_OK)
		rc = FW_EIO;
	print_summary(a, &counts);
	if (rc == FW_ECLOSED)
		fprintf(stderr, "firewatch-sim: %s:%d cannot be reached\n", a->play.publisher.host,
		    a->play.publisher.port);
	else if (rc == FW_EREFUSED)
		fprintf(stderr, "firewatch-sim: refused=%" PRIu64 " unreceipted=%" PRIu64 "\n",
		    counts.refused, counts.unreceipted);
	else if (rc != FW_OK)
		fprintf(stderr, "firewatch-sim: %s\n", fw_strerror(rc));
	return rc == FW_OK        ? EXIT_DONE
	       : rc == FW_ECLOSED ? EXIT_UNREACHED
	       : rc == FW_ETOOBIG ? EXIT_USAGE
				  : EXIT_NOT_DONE;
}

int
main(int argc, char **argv)
{
	struct arguments a = {
	    .play =
		{
		    .publisher = {.host = "127.0.0.1",
			.port = 1883,
			.window = 200,
			.connect_timeout_us = 10 * FW_S},
		    .speed = 1,
		    .resend_after_us = 10 * FW_S,
		    .resend_max = 3,
		},
	};
	struct sim_scenario scenario;
	struct timespec now;
	int rc;

	clock_gettime(CLOCK_REALTIME, &now);
	a.play.seed = (uint64_t)now.tv_sec * 1000000007U + (uint64_t)now.tv_nsec;
	rc = take_arguments(&a, argc, argv);
	if (rc != EXIT_DONE)
		return rc;
	rc = read_scenario(a.scenario, &scenario) == FW_OK ? EXIT_DONE : EXIT_USAGE;
	if (rc == EXIT_DONE && !a.check)
		rc = play(&a, &scenario);
	sim_scenario_free(&scenario);
	return rc;
}
