/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes with protobuf-c and frames by hand, so that a message can be added to; see encode.h. */
#include "scenario/encode.h"

#include <inttypes.h>
#include <string.h>

#include "scenario/device.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define TAG_REPORTS 0x0a /* Uplink.reports */
#define NO_TAG 0x07      /* field 0 of a wire type that does not exist: never protobuf */
#define PARTS_MAX 64
#define FRAME_HEAD_MAX 11

static void
fill_event(Firewatch__V1__Event *e, const struct sim_part *p, const struct sim_device *d)
{
	firewatch__v1__event__init(e);
	e->point = (uint32_t)p->point;
	e->system_type = p->system < 0 ? d->system : (uint32_t)p->system;
	e->component_type = p->component < 0 ? d->component : (uint32_t)p->component;
	e->condition = (Firewatch__V1__Condition)p->number;
	e->active = p->active;
	if (p->text)
		e->text = p->text;
}

static void
fill_health(Firewatch__V1__Health *h, const struct sim_part *p)
{
	firewatch__v1__health__init(h);
	h->battery_percent = (uint32_t)p->battery;
	h->signal_dbm = (int32_t)p->signal;
	h->mains_ok = p->mains != 0;
	if (p->firmware)
		h->firmware = p->firmware;
}

/* A report's parts as protobuf-c wants them. */
struct parts {
	Firewatch__V1__Event event[PARTS_MAX], *events[PARTS_MAX];
	Firewatch__V1__Reading reading[PARTS_MAX], *readings[PARTS_MAX];
	Firewatch__V1__Health health;
};

static void
fill_parts(struct parts *to, Firewatch__V1__Report *m, const struct sim_action *a,
    const struct sim_device *d)
{
	m->events = to->events;
	m->readings = to->readings;
	for (size_t i = 0; i < a->part_count; i++) {
		const struct sim_part *p = &a->parts[i];
		size_t n;

		switch (p->kind) {
		case SIM_EVENT:
			n = m->n_events++;
			to->events[n] = &to->event[n];
			fill_event(&to->event[n], p, d);
			break;
		case SIM_READING:
			n = m->n_readings++;
			to->readings[n] = &to->reading[n];
			firewatch__v1__reading__init(&to->reading[n]);
			to->reading[n].point = (uint32_t)p->point;
			to->reading[n].quantity = (Firewatch__V1__Quantity)p->number;
			to->reading[n].value = p->value;
			break;
		case SIM_HEALTH:
			fill_health(&to->health, p);
			m->health = &to->health;
			break;
		}
	}
}

static size_t
put_frame_head(uint8_t *out, size_t body_len)
{
	size_t n = 0;

	out[n++] = TAG_REPORTS;
	for (; body_len >= 0x80; body_len >>= 7)
		out[n++] = (uint8_t)(body_len | 0x80);
	out[n++] = (uint8_t)body_len;
	return n;
}

void
sim_encode_report(struct sim_message *m, const struct sim_action *a, const struct sim_encode *e)
{
	struct sim_device *d = e->device;
	struct sim_report r = {
	    .device = d, .boot = d->boot, .sequence = d->sequence++, .events = e->events};
	Firewatch__V1__Report body;
	struct parts parts;
	size_t body_len;
	uint8_t *out;

	firewatch__v1__report__init(&body);
	r.claimed = a->as != NULL;
	if (a->as)
		body.device_id = a->as;
	else if (d->via != d)
		body.device_id = (char *)(uintptr_t)d->name; /* protobuf-c knows no const */
	body.boot_id = r.boot;
	body.sequence = r.sequence;
	body.observed_at_ms = e->observed_at_ms;
	body.backfill = e->backfill;
	body.mode = (Firewatch__V1__Mode)(a->mode < 0 ? d->mode : a->mode);
	fill_parts(&parts, &body, a, d);
	body_len = firewatch__v1__report__get_packed_size(&body);
	out = sim_message_room(m, body_len + FRAME_HEAD_MAX);
	r.at = m->len;
	r.len = put_frame_head(out, body_len);
	r.len += firewatch__v1__report__pack(&body, out + r.len);
	m->len += r.len;
	sim_message_add(m, &r);
}

static const char *
part_text(struct fw_arena *arena, const struct sim_part *p)
{
	const char *word = NULL;

	switch (p->kind) {
	case SIM_EVENT:
		word = sim_condition_word(p->number);
		return fw_arena_printf(arena, "%c%s", p->active ? '+' : '-',
		    word ? word : fw_arena_printf(arena, "%" PRId64, p->number));
	case SIM_READING:
		word = sim_quantity_word(p->number);
		return fw_arena_printf(arena, "%s=%g",
		    word ? word : fw_arena_printf(arena, "%" PRId64, p->number), p->value);
	case SIM_HEALTH:
		break;
	}
	return "health";
}

const char *
sim_encode_events(struct fw_arena *arena, const struct sim_action *a)
{
	const char *all = "";

	for (size_t i = 0; i < a->part_count; i++)
		all = fw_arena_printf(
		    arena, "%s%s%s", all, *all ? "," : "", part_text(arena, &a->parts[i]));
	return all;
}

static void
put_random(struct sim_message *m, size_t n, uint64_t *random)
{
	uint8_t *out = sim_message_room(m, n);

	for (size_t i = 0; i < n; i++)
		out[i] = i == 0 ? NO_TAG : (uint8_t)sim_random(random);
	m->len += n;
}

/* The head promises more than comes. */
static void
put_truncated(struct sim_message *m, uint64_t *random)
{
	size_t n = 2 + sim_random(random) % 60;
	uint8_t *out = sim_message_room(m, n);

	out[0] = TAG_REPORTS;
	out[1] = 100;
	for (size_t i = 2; i < n; i++)
		out[i] = (uint8_t)sim_random(random);
	m->len += n;
}

void
sim_encode_garbage(
    struct sim_message *m, const struct sim_action *a, int64_t index, uint64_t *random)
{
	enum sim_garbage what = a->garbage;

	if (what == SIM_GARBAGE_MIXED)
		what = index % 2 ? SIM_GARBAGE_TRUNCATED : SIM_GARBAGE_RANDOM;
	switch (what) {
	case SIM_GARBAGE_TRUNCATED:
		put_truncated(m, random);
		break;
	case SIM_GARBAGE_HUGE:
		put_random(m, (size_t)a->bytes, random);
		break;
	case SIM_GARBAGE_RANDOM:
	case SIM_GARBAGE_MIXED:
		put_random(m, 1 + sim_random(random) % 200, random);
		break;
	}
}
