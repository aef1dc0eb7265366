/* SPDX-License-Identifier: Apache-2.0 */
/* firewatchctl simulate: what would happen in this town if a scenario came true. */
#include "cli/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "cli/moment.h"
#include "cli/run.h"
#include "cli/say.h"
#include "io/config_file.h"

#define SCENARIO_MAX_BYTES (64 * 1024 * 1024)
#define HASH_SEED 7 /* the same each time: so is the trace */

static double
seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static enum fw_exit
take_start(const struct fw_request *r, int64_t *out_us)
{
	struct timespec now;
	const char *value;
	char text[32];
	enum fw_exit code = fw_moment_take(r->options[FW_OPTION_START], text, sizeof(text), &value);

	clock_gettime(CLOCK_REALTIME, &now);
	*out_us = value ? strtoll(value, NULL, 10) : now.tv_sec * FW_S + now.tv_nsec / 1000;
	return code;
}

/* The whole file; NULL: errno tells. */
static char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	size_t cap = 0, n;
	char *text = NULL;

	*len = 0;
	if (!f)
		return NULL;
	do {
		text = fw_grow(text, &cap, *len + 64 * 1024, 1);
		n = fread(text + *len, 1, 64 * 1024, f);
		*len += n;
	} while (n > 0 && *len < SCENARIO_MAX_BYTES);
	if (ferror(f) || n > 0) {
		errno = n > 0 ? EFBIG : errno;
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* To be freed in any case. */
static enum fw_exit
read_scenario(const char *path, struct sim_scenario *scenario)
{
	size_t n;
	char *text = read_file(path, &n);
	int rc = sim_scenario_read(scenario, text ? text : "", text ? n : 0);

	if (!text)
		fw_say("%s: %m", path);
	for (size_t i = 0; i < scenario->fault_count; i++)
		fprintf(stderr, "%s:%u: %s\n", path, scenario->faults[i].line,
		    scenario->faults[i].what);
	free(text);
	return text && rc == FW_OK ? FW_EXIT_DONE : FW_EXIT_USAGE;
}

static void
print_counts(const struct fw_simulation *s, double seconds)
{
	struct fw_core_counters c;
	char length[FW_TIME_TEXT_MAX];

	fw_core_counters(s->core, &c);
	printf("reports %" PRIu64 ", duplicates %" PRIu64 ", quarantined %" PRIu64
	       ", alarms %" PRIu64 ", incidents %" PRIu64 ", pages %" PRIu64 ", delivered %" PRIu64
	       ", failed %" PRIu64 "; %s in %.3f s\n",
	    c.reports[FW_LANE_ALARM] + c.reports[FW_LANE_TELEMETRY],
	    c.duplicates[FW_LANE_ALARM] + c.duplicates[FW_LANE_TELEMETRY],
	    c.quarantined[FW_LANE_ALARM] + c.quarantined[FW_LANE_TELEMETRY], c.alarms_opened,
	    c.incidents_opened, c.pages, s->trace.delivered, s->trace.failed,
	    fw_trace_time(s->now_us - s->trace.start_us, length), seconds);
}

/* To be freed in any case. */
static enum fw_exit
read_settings(const char *path, struct fw_settings *settings)
{
	char why[512];

	fw_settings_init(settings);
	if (!path || fw_config_read(path, settings, why, sizeof(why)) == FW_OK)
		return FW_EXIT_DONE;
	fprintf(stderr, "%s\n", why);
	return FW_EXIT_USAGE;
}

/* Takes ownership of town and windows. */
static enum fw_exit
play(struct sim_scenario *scenario, const struct fw_settings *settings, struct fw_town *town,
    struct fw_windows *windows, int64_t start_us, bool quiet)
{
	struct fw_simulation s;
	struct timespec began;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &began);
	rc = fw_simulation_init(&s, scenario, settings, town, windows, start_us, quiet);
	if (rc == FW_OK)
		fw_simulation_run(&s);
	else
		fw_say("the scenario: %s", fw_strerror(rc));
	if (rc == FW_OK && quiet)
		print_counts(&s, seconds_since(&began));
	fw_simulation_fini(&s);
	return rc == FW_OK ? FW_EXIT_DONE : FW_EXIT_USAGE;
}

enum fw_exit
fw_run_simulate(const struct fw_request *r)
{
	struct sim_scenario scenario;
	struct fw_settings settings;
	struct fw_town *town;
	struct fw_windows *windows;
	int64_t start_us;
	enum fw_exit code = read_settings(r->options[FW_OPTION_CONFIG], &settings),
		     read = read_scenario(r->arguments[0], &scenario);

	if (code == FW_EXIT_DONE)
		code = read;
	if (code == FW_EXIT_DONE)
		code = take_start(r, &start_us);
	if (code == FW_EXIT_DONE)
		code = fw_simulate_town(r->options[FW_OPTION_DSN], HASH_SEED, &town, &windows);
	if (code == FW_EXIT_DONE)
		code = play(&scenario, &settings, town, windows, start_us,
		    r->options[FW_OPTION_QUIET] != NULL);
	sim_scenario_free(&scenario);
	fw_settings_fini(&settings);
	return code;
}
