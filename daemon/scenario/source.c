/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the messages of each moment; see source.h. */
#include "scenario/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "scenario/encode.h"

/* ---------------------------------------------------------------- making messages */

static void
close_pack(struct sim_source *s, int64_t duplicates)
{
	struct sim_message *m = s->open;

	s->open = NULL;
	for (int64_t i = 0; m; i++) {
		struct sim_message *again = i < duplicates ? sim_message_copy(&s->pool, m) : NULL;

		if (again)
			again->kind = SIM_DUPLICATE;
		s->taker.message(m, s->taker.context);
		m = again;
	}
}

static enum sim_lane
lane_of(const struct sim_action *a)
{
	for (size_t i = 0; a->lane < 0 && i < a->part_count; i++)
		if (a->parts[i].kind == SIM_EVENT)
			return SIM_ALARM;
	return a->lane < 0 ? SIM_TELEMETRY : (enum sim_lane)a->lane;
}

struct sim_message *
sim_source_message(struct sim_source *s, struct sim_device *via, enum sim_lane lane)
{
	struct sim_message *m = sim_message_new(&s->pool);

	m->via = via;
	m->lane = lane;
	m->topic = via->topic[lane];
	return m;
}

static void
add_report(struct sim_source *s, const struct sim_action *a, struct sim_encode *e, int64_t pack)
{
	struct sim_device *via = e->device->via;

	if (s->open && s->open->via != via)
		close_pack(s, a->duplicate);
	if (!s->open)
		s->open = sim_source_message(s, via, lane_of(a));
	sim_encode_report(s->open, a, e);
	if ((int64_t)s->open->report_count >= pack)
		close_pack(s, a->duplicate);
}

static void
report(struct sim_source *s, const struct sim_action *a, struct sim_device *d, const char *events)
{
	int64_t count = a->backfill.count ? a->backfill.count : 1;

	for (int64_t i = count - 1; i >= 0; i--) {
		int64_t ago_us = a->backfill.count ? (i + 1) * a->backfill.every_us : 0;
		struct sim_encode e = {
		    .device = d,
		    .observed_at_ms = sim_device_time_ms(&s->devices, d, s->now_us, ago_us),
		    .backfill = a->backfill.count > 0,
		    .events = events,
		};

		add_report(s, a, &e, a->pack);
	}
}

static void
garbage(struct sim_source *s, const struct sim_action *a, struct sim_device *d)
{
	for (int64_t i = 0; i < a->number; i++) {
		struct sim_message *m =
		    sim_source_message(s, d, a->lane < 0 ? SIM_ALARM : (enum sim_lane)a->lane);

		m->kind = SIM_NO_REPORT;
		sim_encode_garbage(m, a, i, &s->random);
		s->taker.message(m, s->taker.context);
	}
}

static void
raw(struct sim_source *s, const struct sim_action *a)
{
	struct sim_message *m = sim_message_new(&s->pool);

	m->kind = SIM_NO_REPORT;
	m->topic = a->topic;
	memcpy(sim_message_room(m, a->payload_len + 1), a->payload, a->payload_len);
	m->len = a->payload_len;
	s->taker.message(m, s->taker.context);
}

/* ---------------------------------------------------------------- moments */

static int64_t
boot_after(const struct sim_source *s, const struct sim_device *d, int64_t wanted)
{
	return wanted < 0 && s->numbers_boots ? (int64_t)d->boot + 1 : wanted;
}

static void
act_on(struct sim_source *s, const struct sim_action *a, struct sim_device *d)
{
	switch (a->verb) {
	case SIM_REPORT:
		report(s, a, d, s->events[a - s->scenario->actions]);
		break;
	case SIM_BOOT:
		sim_device_boot(d, boot_after(s, d, a->number), &s->random);
		break;
	case SIM_SEQUENCE:
		d->sequence = a->sequence;
		break;
	case SIM_LOSE:
		d->sequence += (uint64_t)a->number;
		break;
	case SIM_CLOCK:
		d->clock = a->clock;
		break;
	case SIM_GARBAGE:
		garbage(s, a, d);
		break;
	case SIM_RAW:
	case SIM_FLOOD:
	case SIM_ACKNOWLEDGE:
	case SIM_VERIFY:
	case SIM_CLOSE:
	case SIM_WINDOW:
	case SIM_END_WINDOW:
	case SIM_SENT:
	case SIM_DATABASE:
	case SIM_BROKER:
		break;
	}
}

static void
play_moment(struct sim_source *s, const struct sim_moment *m)
{
	const struct sim_action *a = m->action;

	if (!a) {
		report(s, &s->heartbeat, &s->devices.device[m->device], "health");
	} else if (a->verb == SIM_RAW) {
		raw(s, a);
		return;
	} else if (a->verb == SIM_FLOOD) {
		s->flood = a;
		s->flood_done = 0;
		s->flood_turn = 0;
		s->flood_began_us = s->now_us;
		return;
	} else if (sim_action_is_act(a)) {
		s->taker.act(a, s->taker.context);
		return;
	} else if (m->device != SIM_NONE) {
		act_on(s, a, &s->devices.device[m->device]);
	} else {
		for (size_t i = 0; i < a->device_count; i++)
			act_on(s, a, &s->devices.device[a->devices[i]]);
	}
	close_pack(s, a ? a->duplicate : 0);
}

/* One message of the flood: a gateway packs its children in turn, a single device its own. */
static void
flood_message(struct sim_source *s)
{
	const struct sim_action *a = s->flood;
	bool fire = a->lane == SIM_ALARM;
	int64_t pack = a->pack;
	struct sim_device *d;

	if (a->number - s->flood_done < pack)
		pack = a->number - s->flood_done;
	do {
		struct sim_encode e = {.events = fire ? "+FIRE" : "TEMPERATURE_CELSIUS=21.5"};

		d = &s->devices.device[a->devices[s->flood_turn]];
		e.device = d;
		e.observed_at_ms = sim_device_time_ms(&s->devices, d, s->now_us, 0);
		add_report(s, &s->flood_report, &e, pack);
		s->flood_done++;
		if (d->via != d || !s->open)
			s->flood_turn = (s->flood_turn + 1) % a->device_count;
	} while (s->open && s->flood_done < a->number);
	close_pack(s, 0);
	if (s->flood_done >= a->number)
		s->flood = NULL;
}

/* How many of the flood's reports are due by now. */
static int64_t
flood_due(const struct sim_source *s)
{
	int64_t elapsed_us = s->now_us - s->flood_began_us;

	if (s->flood->rate == 0)
		return s->flood->number;
	return (int64_t)((double)elapsed_us * (double)s->flood->rate / (double)FW_S) + 1;
}

static bool
flood_step(struct sim_source *s)
{
	s->flood_part.kind = s->flood->lane == SIM_ALARM ? SIM_EVENT : SIM_READING;
	s->flood_report.lane = s->flood->lane;
	if (s->flood_done >= flood_due(s))
		return false;
	flood_message(s);
	return true;
}

bool
sim_source_step(struct sim_source *s, int64_t now_us)
{
	struct sim_schedule *all = &s->schedule;

	s->now_us = now_us;
	if (s->flood)
		return flood_step(s);
	if (all->next == all->count || all->moments[all->next].at_us > now_us - s->began_us)
		return false;
	play_moment(s, &all->moments[all->next++]);
	return true;
}

int64_t
sim_source_next_us(const struct sim_source *s)
{
	const struct sim_schedule *all = &s->schedule;

	if (s->flood)
		return s->flood->rate == 0
			   ? s->flood_began_us
			   : s->flood_began_us +
				 (s->flood_done * FW_S + s->flood->rate - 1) / s->flood->rate;
	return all->next == all->count ? FW_NEVER : s->began_us + all->moments[all->next].at_us;
}

/* ---------------------------------------------------------------- begin and end */

static void
make_actions(struct sim_source *s)
{
	s->heartbeat_part =
	    (struct sim_part){.kind = SIM_HEALTH, .battery = 95, .signal = -85, .mains = 1};
	s->heartbeat = (struct sim_action){.parts = &s->heartbeat_part,
	    .part_count = 1,
	    .pack = 1,
	    .lane = SIM_TELEMETRY,
	    .mode = -1};
	s->flood_part = (struct sim_part){
	    .number = 1, .active = true, .system = -1, .component = -1, .value = 21.5};
	s->flood_report =
	    (struct sim_action){.parts = &s->flood_part, .part_count = 1, .pack = 1, .mode = -1};
	s->events = fw_calloc(s->scenario->action_count + 1, sizeof(*s->events));
	for (size_t i = 0; i < s->scenario->action_count; i++)
		s->events[i] = sim_encode_events(&s->scenario->arena, &s->scenario->actions[i]);
}

int
sim_source_init(struct sim_source *s, struct sim_scenario *scenario, const struct sim_taker *taker,
    double speed, uint64_t seed, bool numbers_boots)
{
	*s = (struct sim_source){
	    .scenario = scenario, .taker = *taker, .random = seed, .numbers_boots = numbers_boots};
	sim_pool_init(&s->pool);
	sim_devices_init(&s->devices, scenario, &s->random, 0);
	for (size_t i = 0; numbers_boots && i < scenario->device_count; i++)
		if (scenario->devices[i].boot < 0)
			s->devices.device[i].boot = 1;
	make_actions(s);
	return sim_schedule_make(&s->schedule, scenario, speed, &s->random);
}

void
sim_source_begin(struct sim_source *s, int64_t now_us)
{
	s->devices.began_us = s->began_us = now_us;
}

void
sim_source_fini(struct sim_source *s)
{
	sim_pool_fini(&s->pool);
	sim_devices_fini(&s->devices);
	sim_schedule_free(&s->schedule);
	free(s->events);
}
