/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of a scenario and their suffixes; see action.h and SCENARIO.md of the simulator. */
#include "scenario/action.h"

#include <string.h>

#include "base/time.h"

#define PARTS_MAX 64
#define WINDOW_MOST_US (7 * FW_DAY)

static int
read_event(struct sim_words *w, struct sim_part *part, bool active)
{
	part->kind = SIM_EVENT;
	part->active = active;
	if (sim_take_condition(w, &part->number) != FW_OK)
		return FW_EFORMAT;
	for (;;) {
		int rc;

		if (sim_words_accept(w, "point"))
			rc = sim_take_number(w, 0, UINT32_MAX, &part->point);
		else if (sim_words_accept(w, "system"))
			rc = sim_take_number(w, 0, UINT32_MAX, &part->system);
		else if (sim_words_accept(w, "component"))
			rc = sim_take_number(w, 0, UINT32_MAX, &part->component);
		else if (sim_words_accept(w, "text"))
			rc = sim_take_word(w, "a text", &part->text);
		else
			return FW_OK;
		if (rc != FW_OK)
			return rc;
	}
}

static int
read_reading(struct sim_words *w, struct sim_part *part)
{
	part->kind = SIM_READING;
	if (sim_take_quantity(w, &part->number) != FW_OK ||
	    sim_take_value(w, &part->value) != FW_OK)
		return FW_EFORMAT;
	return sim_words_accept(w, "point") ? sim_take_number(w, 0, UINT32_MAX, &part->point)
					    : FW_OK;
}

static int
take_mains(struct sim_words *w, int64_t *out)
{
	*out = sim_words_accept(w, "on");
	return *out || sim_words_accept(w, "off") ? FW_OK
						  : sim_words_fault(w, "mains is on or off");
}

static int
read_health(struct sim_words *w, struct sim_part *part)
{
	part->kind = SIM_HEALTH;
	part->mains = 1;
	for (;;) {
		int rc;

		if (sim_words_accept(w, "battery"))
			rc = sim_take_number(w, 0, UINT32_MAX, &part->battery);
		else if (sim_words_accept(w, "signal"))
			rc = sim_take_number(w, INT32_MIN, INT32_MAX, &part->signal);
		else if (sim_words_accept(w, "mains"))
			rc = take_mains(w, &part->mains);
		else if (sim_words_accept(w, "firmware"))
			rc = sim_take_word(w, "a version", &part->firmware);
		else
			return FW_OK;
		if (rc != FW_OK)
			return rc;
	}
}

static int
read_part(struct sim_words *w, struct sim_part *part)
{
	*part = (struct sim_part){.system = -1, .component = -1};
	if (sim_words_accept(w, "raise"))
		return read_event(w, part, true);
	if (sim_words_accept(w, "restore"))
		return read_event(w, part, false);
	if (sim_words_accept(w, "reading"))
		return read_reading(w, part);
	if (sim_words_accept(w, "health"))
		return read_health(w, part);
	if (!sim_words_left(w))
		return sim_words_fault(w, "what happens is missing at the end of the line");
	return sim_words_fault(w, "\"%s\" is not an action", w->word[w->at].text);
}

static int
take_suffix(struct sim_words *w, struct sim_action *a)
{
	if (sim_words_accept(w, "repeat"))
		return sim_take_series(w, &a->repeat);
	if (sim_words_accept(w, "spread"))
		return sim_take_duration(w, &a->spread_us);
	if (sim_words_accept(w, "duplicate"))
		return sim_take_number(w, 1, 1000000, &a->duplicate);
	if (sim_words_accept(w, "backfill"))
		return sim_take_series(w, &a->backfill);
	if (sim_words_accept(w, "pack"))
		return sim_take_number(w, 1, 10000, &a->pack);
	if (sim_words_accept(w, "topic"))
		return sim_take_lane(w, &a->lane);
	if (sim_words_accept(w, "mode"))
		return sim_take_mode(w, &a->mode);
	if (sim_words_accept(w, "as"))
		return sim_take_word(w, "an identity", &a->as);
	return sim_words_fault(w, "\"%s\" is not known here", w->word[w->at].text);
}

static int
read_report(struct sim_words *w, struct sim_action *a)
{
	struct sim_part parts[PARTS_MAX];

	a->verb = SIM_REPORT;
	do {
		if (a->part_count == PARTS_MAX)
			return sim_words_fault(w, "more than %d parts in a report", PARTS_MAX);
		if (read_part(w, &parts[a->part_count++]) != FW_OK)
			return FW_EFORMAT;
	} while (sim_words_accept(w, "and"));
	while (sim_words_left(w))
		if (take_suffix(w, a) != FW_OK)
			return FW_EFORMAT;
	if (a->pack > 1 && a->spread_us > 0)
		return sim_words_fault(w, "pack and spread do not go together");
	a->parts = fw_arena_alloc(w->arena, a->part_count * sizeof(*parts));
	memcpy(a->parts, parts, a->part_count * sizeof(*parts));
	return FW_OK;
}

static int
read_garbage(struct sim_words *w, struct sim_action *a)
{
	a->verb = SIM_GARBAGE;
	if (sim_take_number(w, 1, 1000000, &a->number) != FW_OK)
		return FW_EFORMAT;
	if (sim_words_accept(w, "random")) {
		a->garbage = SIM_GARBAGE_RANDOM;
	} else if (sim_words_accept(w, "truncated")) {
		a->garbage = SIM_GARBAGE_TRUNCATED;
	} else if (sim_words_accept(w, "huge")) {
		a->garbage = SIM_GARBAGE_HUGE;
		if (sim_take_bytes(w, &a->bytes) != FW_OK)
			return FW_EFORMAT;
	}
	return sim_words_accept(w, "topic") ? sim_take_lane(w, &a->lane) : FW_OK;
}

int
sim_action_read(struct sim_words *w, struct sim_action *a)
{
	if (sim_words_accept(w, "boot")) {
		a->verb = SIM_BOOT;
		return sim_words_left(w) ? sim_take_number(w, 0, UINT32_MAX, &a->number) : FW_OK;
	}
	if (sim_words_accept(w, "sequence")) {
		a->verb = SIM_SEQUENCE;
		return sim_take_sequence(w, &a->sequence);
	}
	if (sim_words_accept(w, "lose")) {
		a->verb = SIM_LOSE;
		return sim_take_number(w, 1, INT64_MAX, &a->number);
	}
	if (sim_words_accept(w, "clock")) {
		a->verb = SIM_CLOCK;
		return sim_take_clock(w, &a->clock);
	}
	if (sim_words_accept(w, "garbage"))
		return read_garbage(w, a);
	return read_report(w, a);
}

int
sim_action_read_raw(struct sim_words *w, struct sim_action *a)
{
	a->verb = SIM_RAW;
	if (sim_take_word(w, "a topic", &a->topic) != FW_OK)
		return FW_EFORMAT;
	if (!*a->topic || strlen(a->topic) > 1024 || strpbrk(a->topic, "+#"))
		return sim_words_fault(w, "\"%.80s\" is not a topic to publish to", a->topic);
	return sim_take_hex(w, &a->payload, &a->payload_len);
}

/* "500/s" */
static int
take_rate(struct sim_words *w, int64_t *out)
{
	char *text, *slash;

	if (sim_take_word(w, "a rate", &text) != FW_OK)
		return FW_EFORMAT;
	slash = strchr(text, '/');
	if (!slash || strcmp(slash, "/s") != 0)
		return sim_words_fault(w, "\"%s\" is not a rate such as 500/s", text);
	*slash = '\0';
	w->at--;
	return sim_take_number(w, 1, 10000000, out);
}

static int
take_kind(struct sim_words *w, int64_t *lane)
{
	*lane = sim_words_accept(w, "fire") ? SIM_ALARM : SIM_TELEMETRY;
	if (*lane == SIM_ALARM || sim_words_accept(w, "reading"))
		return FW_OK;
	return sim_words_fault(w, "a flood's kind is reading or fire");
}

int
sim_action_read_flood(struct sim_words *w, struct sim_action *a)
{
	a->verb = SIM_FLOOD;
	a->lane = SIM_TELEMETRY;
	while (sim_words_left(w)) {
		int rc;

		if (sim_words_accept(w, "count"))
			rc = sim_take_number(w, 1, 1000000000, &a->number);
		else if (sim_words_accept(w, "kind"))
			rc = take_kind(w, &a->lane);
		else if (sim_words_accept(w, "rate"))
			rc = take_rate(w, &a->rate);
		else if (sim_words_accept(w, "pack"))
			rc = sim_take_number(w, 1, 10000, &a->pack);
		else
			return sim_words_fault(
			    w, "\"%s\" is not known of a flood", w->word[w->at].text);
		if (rc != FW_OK)
			return rc;
	}
	return a->number < 0 ? sim_words_fault(w, "a flood needs a count") : FW_OK;
}

/* ---------------------------------------------------------------- acts */

static const struct {
	const char *word;
	enum sim_verb verb;
	const char *good, *bad; /* its one word; NULL: it names a site */
} acts[] = {
    {"acknowledge", SIM_ACKNOWLEDGE, NULL, NULL},
    {"verify", SIM_VERIFY, NULL, NULL},
    {"close", SIM_CLOSE, NULL, NULL},
    {"window", SIM_WINDOW, NULL, NULL},
    {"end-window", SIM_END_WINDOW, NULL, NULL},
    {"sent", SIM_SENT, "ok", "fail"},
    {"database", SIM_DATABASE, "back", "away"},
    {"broker", SIM_BROKER, "up", "down"},
};

bool
sim_action_is_act(const struct sim_action *a)
{
	return a->verb >= SIM_ACKNOWLEDGE;
}

bool
sim_action_accept_act(struct sim_words *w, struct sim_action *a)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (sim_words_accept(w, acts[i].word)) {
			a->verb = acts[i].verb;
			return true;
		}
	return false;
}

static int
take_verdict(struct sim_words *w, char **out)
{
	static const char *const verdicts[] = {
	    "real_fire", "false_alarm", "test", "maintenance", "unknown"};

	if (sim_take_word(w, "a verdict", out) != FW_OK)
		return FW_EFORMAT;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(*out, verdicts[i]) == 0)
			return FW_OK;
	return sim_words_fault(
	    w, "a verdict is real_fire, false_alarm, test, maintenance or unknown, not %s", *out);
}

/* "[zone Z] [device D] test|maintenance for D", as declare_window() has it. */
static int
take_window(struct sim_words *w, struct sim_action *a)
{
	for (;;) {
		int rc = FW_OK;

		if (sim_words_accept(w, "zone"))
			rc = sim_take_word(w, "a zone", &a->zone);
		else if (sim_words_accept(w, "device"))
			rc = sim_take_word(w, "a device", &a->device);
		else
			break;
		if (rc != FW_OK)
			return rc;
	}
	a->maintenance = sim_words_accept(w, "maintenance");
	if (!a->maintenance && !sim_words_accept(w, "test"))
		return sim_words_fault(w, "a window is for a test or for maintenance");
	if (!sim_words_accept(w, "for"))
		return sim_words_fault(w, "a window needs an end: for 30min");
	if (sim_take_duration(w, &a->for_us) != FW_OK)
		return FW_EFORMAT;
	return a->for_us > 0 && a->for_us <= WINDOW_MOST_US
		   ? FW_OK
		   : sim_words_fault(w, "a window lasts more than 0s and at most 7d");
}

int
sim_action_read_act(struct sim_words *w, struct sim_action *a)
{
	size_t i = 0;

	while (acts[i].verb != a->verb)
		i++;
	if (!acts[i].good) {
		if (sim_take_word(w, "a site", &a->site) != FW_OK)
			return FW_EFORMAT;
		if (a->verb == SIM_WINDOW)
			return take_window(w, a);
		return a->verb == SIM_VERIFY ? take_verdict(w, &a->verdict) : FW_OK;
	}
	a->good = sim_words_accept(w, acts[i].good);
	if (a->good || sim_words_accept(w, acts[i].bad))
		return FW_OK;
	return sim_words_fault(
	    w, "behind %s comes %s or %s", acts[i].word, acts[i].good, acts[i].bad);
}

int64_t
sim_action_last_us(const struct sim_action *a)
{
	int64_t flood_us = a->rate > 0 ? (a->number * FW_S + a->rate - 1) / a->rate : 0;

	return a->at_us + a->repeat.count * a->repeat.every_us + a->spread_us + flood_us;
}
