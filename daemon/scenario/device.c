/* SPDX-License-Identifier: Apache-2.0 */
/* The devices' lives: boots, clocks, kept reports; see device.h.  Receipts are receipt.c's. */
#include "scenario/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

/* SplitMix64: every seed gives a good stream. */
uint64_t
sim_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

double
sim_random_part(uint64_t *state)
{
	return (double)(sim_random(state) >> 11) / 9007199254740992.0; /* 2^53 */
}

void
sim_device_boot(struct sim_device *d, int64_t number, uint64_t *random)
{
	uint32_t old = d->boot;

	d->boot = (uint32_t)number;
	while (number < 0 && (d->boot == 0 || d->boot == old || d->boot == UINT32_MAX))
		d->boot = (uint32_t)sim_random(random);
	d->sequence = 1;
}

static char *
topic_of(const struct sim_device *d, const char *lane)
{
	char *topic;

	if (asprintf(&topic, "fire/v1/%s/%s/%s", d->division, d->name, lane) < 0)
		abort();
	return topic;
}

void
sim_devices_init(
    struct sim_devices *all, const struct sim_scenario *s, uint64_t *random, int64_t now_us)
{
	*all = (struct sim_devices){.count = s->device_count, .began_us = now_us};
	all->device = fw_calloc(s->device_count + 1, sizeof(*all->device));
	fw_strmap_init(&all->by_name, *random);
	TAILQ_INIT(&all->kept);
	for (size_t i = 0; i < s->device_count; i++) {
		const struct sim_device_spec *spec = &s->devices[i];
		struct sim_device *d = &all->device[i];

		d->name = spec->name;
		d->division = spec->division;
		d->via = spec->gateway == SIM_NONE ? d : &all->device[spec->gateway];
		d->topic[SIM_ALARM] = topic_of(d, "alarm");
		d->topic[SIM_TELEMETRY] = topic_of(d, "telemetry");
		sim_device_boot(d, spec->boot, random);
		d->sequence = spec->sequence;
		d->clock = spec->clock;
		d->system = (uint32_t)spec->system;
		d->component = (uint32_t)spec->component;
		d->mode = (int32_t)spec->mode;
		TAILQ_INIT(&d->kept);
		fw_strmap_put(&all->by_name, d->name, strlen(d->name), d);
	}
}

void
sim_devices_fini(struct sim_devices *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct sim_device *d = &all->device[i];
		struct sim_kept *k;

		while ((k = TAILQ_FIRST(&d->kept))) {
			TAILQ_REMOVE(&d->kept, k, of_device);
			free(k);
		}
		free(d->topic[SIM_ALARM]);
		free(d->topic[SIM_TELEMETRY]);
	}
	fw_strmap_fini(&all->by_name);
	free(all->device);
}

int64_t
sim_device_time_ms(
    const struct sim_devices *all, const struct sim_device *d, int64_t now_us, int64_t ago_us)
{
	switch (d->clock.kind) {
	case SIM_CLOCK_OFFSET:
		return (now_us + d->clock.us - ago_us) / FW_MS;
	case SIM_CLOCK_SINCE:
		return (d->clock.us + now_us - all->began_us - ago_us) / FW_MS;
	case SIM_CLOCK_UNKNOWN:
		break;
	}
	return 0;
}

void
sim_kept_add(struct sim_devices *all, const struct sim_message *m, int64_t due_us)
{
	for (size_t i = 0; i < m->report_count; i++) {
		const struct sim_report *r = &m->reports[i];
		struct sim_kept *k = fw_calloc(1, sizeof(*k) + r->len);

		k->report = *r;
		k->lane = m->lane;
		k->message = m->number;
		k->due_us = due_us;
		k->frame_len = r->len;
		memcpy(k->frame, m->payload + r->at, r->len);
		TAILQ_INSERT_TAIL(&r->device->kept, k, of_device);
		TAILQ_INSERT_TAIL(&all->kept, k, of_all);
		all->kept_count++;
	}
}

void
sim_kept_resent(struct sim_devices *all, struct sim_kept *k, int64_t due_us)
{
	TAILQ_REMOVE(&all->kept, k, of_all);
	k->resends++;
	k->due_us = due_us;
	if (due_us != FW_NEVER)
		TAILQ_INSERT_TAIL(&all->kept, k, of_all);
}
