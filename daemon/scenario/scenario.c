/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a scenario: its lines, its devices and the names of its actions' devices; what they do is
 * action.c's. */
#include "scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "base/text.h"
#include "scenario/action.h"
#include "scenario/words.h"

#define RANGE_MAX 1000000

/* "meter-{001..300}.a": head, the numbers with as many digits as the first is written, tail. */
struct range {
	const char *head, *tail;
	int head_len, digits;
	unsigned long first, last;
};

struct reader {
	struct sim_scenario *scenario;
	struct fw_strmap names; /* of devices, to their place + 1 */
	struct sim_words words;
};

static int
range_of(struct sim_words *w, const char *name, struct range *r)
{
	const char *open = strchr(name, '{');
	char *end;

	*r = (struct range){.head = name, .head_len = (int)strlen(name), .tail = ""};
	if (!open)
		return FW_OK;
	r->head_len = (int)(open - name);
	r->first = strtoul(open + 1, &end, 10);
	r->digits = (int)(end - open - 1);
	if (r->digits > 0 && strncmp(end, "..", 2) == 0) {
		r->last = strtoul(end + 2, &end, 10);
		r->tail = end + 1;
		if (*end == '}' && !strchr(r->tail, '{') && r->last >= r->first &&
		    r->last - r->first < RANGE_MAX)
			return FW_OK;
	}
	return sim_words_fault(
	    w, "\"%s\" is not a name with a range such as meter-{001..300}", name);
}

static char *
range_name(struct fw_arena *arena, const struct range *r, unsigned long number)
{
	if (!r->digits)
		return fw_arena_printf(arena, "%s", r->head);
	return fw_arena_printf(
	    arena, "%.*s%0*lu%s", r->head_len, r->head, r->digits, number, r->tail);
}

static size_t
device_place(const struct reader *r, const char *name)
{
	return (size_t)(uintptr_t)fw_strmap_get(&r->names, name, strlen(name)) -
	       1; /* none: SIM_NONE */
}

static int
device_add(struct reader *r, const struct sim_device_spec *spec, char *name)
{
	struct sim_scenario *s = r->scenario;

	if (!fw_text_is_device(name, strlen(name)))
		return sim_words_fault(&r->words, "\"%s\" is not a device's name", name);
	if (device_place(r, name) != SIM_NONE)
		return sim_words_fault(&r->words, "device %s is declared twice", name);
	s->devices = fw_grow(s->devices, &s->device_cap, s->device_count + 1, sizeof(*s->devices));
	s->devices[s->device_count] = *spec;
	s->devices[s->device_count++].name = name;
	fw_strmap_put(&r->names, name, strlen(name), (void *)(uintptr_t)s->device_count);
	return FW_OK;
}

static int
take_gateway(struct reader *r, size_t *out)
{
	char *name;

	if (sim_take_word(&r->words, "a gateway", &name) != FW_OK)
		return FW_EFORMAT;
	*out = device_place(r, name);
	if (*out == SIM_NONE)
		return sim_words_fault(
		    &r->words, "gateway %s is not declared before this line", name);
	if (r->scenario->devices[*out].gateway != SIM_NONE)
		return sim_words_fault(&r->words, "gateway %s is itself behind a gateway", name);
	return FW_OK;
}

static int
take_division(struct sim_words *w, char **out)
{
	if (sim_take_word(w, "a division", out) != FW_OK)
		return FW_EFORMAT;
	if (!fw_text_is_division(*out, strlen(*out)))
		return sim_words_fault(w, "\"%s\" is not a division: 6 to 15 digits", *out);
	return FW_OK;
}

static int
take_device_option(struct reader *r, struct sim_device_spec *spec)
{
	struct sim_words *w = &r->words;

	if (sim_words_accept(w, "division"))
		return take_division(w, &spec->division);
	if (sim_words_accept(w, "gateway"))
		return take_gateway(r, &spec->gateway);
	if (sim_words_accept(w, "boot"))
		return sim_take_number(w, 0, UINT32_MAX, &spec->boot);
	if (sim_words_accept(w, "sequence"))
		return sim_take_sequence(w, &spec->sequence);
	if (sim_words_accept(w, "clock"))
		return sim_take_clock(w, &spec->clock);
	if (sim_words_accept(w, "heartbeat"))
		return sim_take_duration(w, &spec->heartbeat_us);
	if (sim_words_accept(w, "system"))
		return sim_take_number(w, 0, UINT32_MAX, &spec->system);
	if (sim_words_accept(w, "component"))
		return sim_take_number(w, 0, UINT32_MAX, &spec->component);
	if (sim_words_accept(w, "mode"))
		return sim_take_mode(w, &spec->mode);
	return sim_words_fault(w, "\"%s\" is not known of a device", w->word[w->at].text);
}

static int
read_device(struct reader *r)
{
	struct sim_device_spec spec = {.gateway = SIM_NONE, .boot = -1, .sequence = 1};
	struct range range;
	char *name;

	if (sim_take_word(&r->words, "a name", &name) != FW_OK ||
	    range_of(&r->words, name, &range) != FW_OK)
		return FW_EFORMAT;
	while (sim_words_left(&r->words))
		if (take_device_option(r, &spec) != FW_OK)
			return FW_EFORMAT;
	if (!spec.division)
		return sim_words_fault(&r->words, "device %s has no division", name);
	for (unsigned long i = range.first; i <= range.last; i++)
		if (device_add(r, &spec, range_name(&r->scenario->arena, &range, i)) != FW_OK)
			return FW_EFORMAT;
	return FW_OK;
}

/* The declared devices that a name stands for. */
static int
take_devices(struct reader *r, struct sim_action *a)
{
	struct range range;
	char *name;

	if (sim_take_word(&r->words, "a device", &name) != FW_OK ||
	    range_of(&r->words, name, &range) != FW_OK)
		return FW_EFORMAT;
	a->devices = fw_arena_alloc(
	    &r->scenario->arena, (range.last - range.first + 1) * sizeof(*a->devices));
	for (unsigned long i = range.first; i <= range.last; i++) {
		char *one = range_name(&r->scenario->arena, &range, i);
		size_t place = device_place(r, one);

		if (place == SIM_NONE)
			return sim_words_fault(
			    &r->words, "device %s is not declared before this line", one);
		a->devices[a->device_count++] = place;
	}
	return FW_OK;
}

static int
read_action(struct reader *r, unsigned line)
{
	struct sim_scenario *s = r->scenario;
	struct sim_action a = {.line = line, .pack = 1, .lane = -1, .mode = -1, .number = -1};
	int rc;

	if (sim_take_duration(&r->words, &a.at_us) != FW_OK)
		return FW_EFORMAT;
	if (sim_words_accept(&r->words, "raw")) {
		rc = sim_action_read_raw(&r->words, &a);
	} else if (sim_action_accept_act(&r->words, &a)) {
		rc = sim_action_read_act(&r->words, &a);
	} else if (sim_words_accept(&r->words, "flood")) {
		rc = take_devices(r, &a);
		if (rc == FW_OK)
			rc = sim_action_read_flood(&r->words, &a);
	} else {
		rc = take_devices(r, &a);
		if (rc == FW_OK)
			rc = sim_action_read(&r->words, &a);
	}
	if (rc != FW_OK)
		return rc;
	if (sim_words_left(&r->words))
		return sim_words_fault(
		    &r->words, "\"%s\" is not known here", r->words.word[r->words.at].text);
	if (sim_action_last_us(&a) > s->end_us)
		s->end_us = sim_action_last_us(&a);
	s->actions = fw_grow(s->actions, &s->action_cap, s->action_count + 1, sizeof(*s->actions));
	s->actions[s->action_count++] = a;
	return FW_OK;
}

static int
read_end(struct reader *r)
{
	int64_t end_us;

	if (sim_take_duration(&r->words, &end_us) != FW_OK)
		return FW_EFORMAT;
	if (sim_words_left(&r->words))
		return sim_words_fault(&r->words, "nothing comes after the time of the end");
	if (end_us > r->scenario->end_us)
		r->scenario->end_us = end_us;
	return FW_OK;
}

static int
read_line(struct reader *r, unsigned number, const char *line, size_t n)
{
	if (sim_words_split(&r->words, &r->scenario->arena, line, n) != FW_OK)
		return FW_EFORMAT;
	if (!sim_words_left(&r->words))
		return FW_OK;
	if (sim_words_accept(&r->words, "device"))
		return read_device(r);
	if (sim_words_accept(&r->words, "at"))
		return read_action(r, number);
	if (sim_words_accept(&r->words, "end"))
		return read_end(r);
	return sim_words_fault(&r->words, "a line begins with device, at or end, not with \"%s\"",
	    r->words.word[0].text);
}

static void
fault_add(struct sim_scenario *s, unsigned line, const char *what)
{
	struct sim_fault *f;

	s->faults = fw_grow(s->faults, &s->fault_cap, s->fault_count + 1, sizeof(*s->faults));
	f = &s->faults[s->fault_count++];
	f->line = line;
	memcpy(f->what, what, sizeof(f->what));
}

int
sim_scenario_read(struct sim_scenario *out, const char *text, size_t n)
{
	struct reader r = {.scenario = out};
	const char *at = text, *end = text + n;

	*out = (struct sim_scenario){0};
	fw_arena_init(&out->arena, 64 * 1024);
	fw_strmap_init(&r.names, 0);
	for (unsigned line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);

		if (read_line(&r, line, at, length) != FW_OK)
			fault_add(out, line, r.words.what);
		at += length + 1;
	}
	fw_strmap_fini(&r.names);
	return out->fault_count ? FW_EFORMAT : FW_OK;
}

void
sim_scenario_free(struct sim_scenario *s)
{
	fw_arena_fini(&s->arena);
	free(s->devices);
	free(s->actions);
	free(s->faults);
}
