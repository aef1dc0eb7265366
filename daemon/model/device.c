/* SPDX-License-Identifier: Apache-2.0 */
/* A device and its boots; see device.h. */
#include "model/device.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Those beside the one used last, the more lately used first. */
struct fw_boots {
	uint32_t count, cap;
	struct fw_boot items[];
};

/* The last used first. */
struct fw_overs {
	uint32_t count, cap;
	struct fw_over {
		uint64_t conditions, sequence;
		uint32_t point, boot_id;
	} items[];
};

struct fw_device_rest {
	struct fw_boots *others;
	struct fw_overs *overs;
};

static struct fw_boots *
others_of(const struct fw_device *d)
{
	return d->rest ? d->rest->others : NULL;
}

static struct fw_overs *
overs_of(const struct fw_device *d)
{
	return d->rest ? d->rest->overs : NULL;
}

static struct fw_device_rest *
make_rest(struct fw_device *d)
{
	if (!d->rest)
		d->rest = fw_calloc(1, sizeof(*d->rest));
	return d->rest;
}

struct fw_device *
fw_device_new(struct fw_arena *arena, const char *id)
{
	size_t n = strlen(id) + 1;
	struct fw_device *d = fw_arena_alloc(arena, offsetof(struct fw_device, id) + n);

	memset(d, 0, offsetof(struct fw_device, id));
	memcpy(d->id, id, n);
	d->topic_division = "";
	d->firmware = "";
	return d;
}

static void
fini_boot(struct fw_boot *boot)
{
	fw_seqset_fini(&boot->received);
	fw_seqset_fini(&boot->recorded);
}

void
fw_device_fini(struct fw_device *d)
{
	struct fw_boots *others = others_of(d);

	fini_boot(&d->boot);
	for (uint32_t i = 0; others && i < others->count; i++)
		fini_boot(&others->items[i]);
	free(others);
	free(overs_of(d));
	free(d->rest);
	d->rest = NULL;
	if (d->owns_firmware)
		free((char *)(uintptr_t)d->firmware);
}

const char *
fw_device_division(const struct fw_device *d)
{
	const struct fw_site *site = fw_device_site(d);

	return site ? site->division->code : d->topic_division;
}

const struct fw_site *
fw_device_site(const struct fw_device *d)
{
	return d->registration ? d->registration->site : NULL;
}

/* ---------------------------------------------------------------- what is over */

static struct fw_overs *
room_for_over(struct fw_device *d)
{
	struct fw_overs *overs = overs_of(d);
	uint32_t count = overs ? overs->count : 0, cap = overs ? overs->cap : 0;

	if (count == cap && cap < FW_OVERS_MAX) {
		cap = cap ? cap * 2 : 1;
		overs = fw_realloc(overs, sizeof(*overs) + cap * sizeof(overs->items[0]), 1);
		overs->cap = cap;
		overs->count = count;
		make_rest(d)->overs = overs;
	}
	if (count < cap)
		overs->count++;
	return overs;
}

void
fw_device_note_over(
    struct fw_device *d, uint32_t point, uint64_t conditions, uint32_t boot_id, uint64_t sequence)
{
	struct fw_over over = {conditions, sequence, point, boot_id};
	struct fw_overs *overs = overs_of(d);
	uint32_t at = 0;

	while (overs && at < overs->count &&
	       (overs->items[at].point != point || overs->items[at].conditions != conditions))
		at++;
	if (!overs || at == overs->count) {
		overs = room_for_over(d);
		at = overs->count - 1;
	} else if (overs->items[at].boot_id == boot_id && overs->items[at].sequence > sequence) {
		return;
	}
	memmove(overs->items + 1, overs->items, at * sizeof(over));
	overs->items[0] = over;
}

bool
fw_device_is_over(const struct fw_device *d, uint32_t point, uint64_t conditions, uint32_t boot_id,
    uint64_t sequence)
{
	const struct fw_overs *overs = overs_of(d);

	for (uint32_t i = 0; overs && i < overs->count; i++) {
		const struct fw_over *over = &overs->items[i];
		bool all = over->point == 0 && over->conditions == FW_WIRE_CONDITIONS;

		if ((over->point == point || all) &&
		    (over->conditions & conditions) == conditions && over->boot_id == boot_id &&
		    over->sequence > sequence)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- boots */

struct fw_boot *
fw_device_boot_at(struct fw_device *d, size_t number)
{
	struct fw_boots *others = others_of(d);

	if (number == 0)
		return d->has_boot ? &d->boot : NULL;
	return others && number <= others->count ? &others->items[number - 1] : NULL;
}

struct fw_boot *
fw_device_boot(struct fw_device *d, uint32_t boot_id)
{
	struct fw_boot *boot;

	for (size_t i = 0; (boot = fw_device_boot_at(d, i)); i++)
		if (boot->boot_id == boot_id)
			return boot;
	return NULL;
}

/* All of it is committed and written. */
static bool
is_settled(const struct fw_boot *boot)
{
	return !boot->dirty && boot->received.highest == boot->recorded.highest &&
	       fw_seqset_gap_count(&boot->received) == fw_seqset_gap_count(&boot->recorded);
}

static uint32_t
forget_one(struct fw_boots *boots)
{
	uint32_t at = boots->count;

	while (at > 0 && !is_settled(&boots->items[at - 1]))
		at--;
	at = at > 0 ? at - 1 : boots->count - 1;
	fini_boot(&boots->items[at]);
	return at;
}

/* The place of one more among the others. */
static uint32_t
free_place(struct fw_device *d, uint64_t *forgotten)
{
	struct fw_boots *boots = others_of(d);

	if (boots && boots->count == FW_BOOTS_MAX - 1) {
		++*forgotten;
		return forget_one(boots);
	}
	if (!boots || boots->count == boots->cap) {
		uint32_t cap = boots ? boots->cap * 2 : 1, count = boots ? boots->count : 0;

		boots = fw_realloc(boots, sizeof(*boots) + cap * sizeof(boots->items[0]), 1);
		boots->cap = cap;
		boots->count = count;
		make_rest(d)->others = boots;
	}
	return boots->count++;
}

/* Another one than the last is used: it changes places. */
static void
use_other(struct fw_device *d, uint32_t boot_id, uint64_t *forgotten)
{
	struct fw_boot boot = {.boot_id = boot_id};
	const struct fw_boot *held = fw_device_boot(d, boot_id);
	struct fw_boot *others;
	size_t at;

	if (held) {
		boot = *held;
		at = (size_t)(held - others_of(d)->items);
	} else {
		at = free_place(d, forgotten);
	}
	others = others_of(d)->items;
	memmove(others + 1, others, at * sizeof(*others));
	others[0] = d->boot;
	d->boot = boot;
}

struct fw_boot *
fw_device_boot_make(struct fw_device *d, uint32_t boot_id, uint64_t *forgotten)
{
	if (!d->has_boot) {
		d->has_boot = true;
		d->boot.boot_id = boot_id;
	} else if (d->boot.boot_id != boot_id) {
		use_other(d, boot_id, forgotten);
	}
	return &d->boot;
}
