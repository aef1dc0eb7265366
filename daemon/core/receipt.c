/* SPDX-License-Identifier: Apache-2.0 */
/* Committed -> receipts to the devices, and the ledger that is stored. */
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "firewatch/v1/firewatch.pb-c.h"

static const char *
name_of(const struct fw_receipt_item *item)
{
	return item->device ? item->device->id : item->claimed;
}

#define AHEAD 8 /* items whose device is on its way to the cache */

/* Where devices lie says nothing, but brings together what is of one, and no name is read. */
static int
compare_places(const struct fw_device *a, const struct fw_device *b)
{
	return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static int
compare(const void *left, const void *right)
{
	const struct fw_receipt_item *a = left, *b = right;
	int order = compare_places(a->via, b->via);

	if (order == 0)
		order = compare_places(a->device, b->device);
	if (order == 0 && !a->device)
		order = strcmp(a->claimed, b->claimed);
	if (order == 0)
		order = (a->boot_id > b->boot_id) - (a->boot_id < b->boot_id);
	if (order == 0)
		order = (a->sequence > b->sequence) - (a->sequence < b->sequence);
	return order;
}

static void
note_recorded(struct fw_core *core, const struct fw_receipt_item *item, int64_t now_us)
{
	struct fw_boot *boot =
	    item->device && !item->duplicate ? fw_device_boot(item->device, item->boot_id) : NULL;

	if (!boot || !fw_seqset_add(&boot->recorded, item->sequence, now_us))
		return;
	boot->dirty = true;
	fw_mark_device(core, item->device);
}

static void
add_rejection(
    struct fw_arena *arena, Firewatch__V1__Entry *entry, const struct fw_receipt_item *item)
{
	Firewatch__V1__Rejection *rejection = fw_arena_alloc(arena, sizeof(*rejection));

	firewatch__v1__rejection__init(rejection);
	rejection->sequence = item->sequence;
	rejection->reason = (Firewatch__V1__Reason)item->rejected;
	rejection->detail = (char *)(uintptr_t)fw_reason_name(item->rejected);
	entry->rejected[entry->n_rejected++] = rejection;
}

/* Of items that are of one device and boot. */
static Firewatch__V1__Entry *
make_entry(struct fw_core *core, const struct fw_receipt_item *items, size_t count)
{
	const struct fw_boot *boot =
	    items->device ? fw_device_boot(items->device, items->boot_id) : NULL;
	Firewatch__V1__Entry *entry = fw_arena_alloc(&core->arena, sizeof(*entry));

	firewatch__v1__entry__init(entry);
	entry->device_id = (char *)(uintptr_t)name_of(items);
	entry->boot_id = items->boot_id;
	entry->through_sequence = boot ? fw_seqset_through(&boot->recorded) : 0;
	entry->also = fw_arena_alloc(&core->arena, count * sizeof(*entry->also));
	entry->rejected = fw_arena_alloc(&core->arena, count * sizeof(Firewatch__V1__Rejection *));
	for (size_t k = 0; k < count; k++) {
		if (k > 0 && items[k].sequence == items[k - 1].sequence)
			continue;
		if (items[k].rejected != FW_REASON_NONE)
			add_rejection(&core->arena, entry, &items[k]);
		else if (items[k].sequence > entry->through_sequence && boot &&
			 fw_seqset_has(&boot->recorded, items[k].sequence))
			entry->also[entry->n_also++] = items[k].sequence;
	}
	return entry;
}

static size_t
run_length(const struct fw_receipt_item *items, size_t count)
{
	size_t n = 1;

	while (n < count && items[n].via == items->via && items[n].boot_id == items->boot_id &&
	       items[n].device == items->device &&
	       (items->device || strcmp(items[n].claimed, items->claimed) == 0))
		n++;
	return n;
}

/* Of items that came by one sender. */
static void
emit_receipt(struct fw_core *core, const struct fw_receipt_item *items, size_t count)
{
	Firewatch__V1__Receipt receipt = FIREWATCH__V1__RECEIPT__INIT;
	struct fw_action *action;
	uint8_t *bytes;

	receipt.entries = fw_arena_alloc(&core->arena, count * sizeof(*receipt.entries));
	for (size_t k = 0, n; k < count; k += n) {
		n = run_length(items + k, count - k);
		receipt.entries[receipt.n_entries++] = make_entry(core, items + k, n);
	}
	bytes = fw_arena_alloc(&core->arena, firewatch__v1__receipt__get_packed_size(&receipt));
	action = fw_emit(core, FW_ACT_RECEIPT);
	action->u.receipt.division = items->via->topic_division;
	action->u.receipt.device = items->via->id;
	action->u.receipt.len = firewatch__v1__receipt__pack(&receipt, bytes);
	action->u.receipt.bytes = bytes;
}

/* Its boot, and what a receipt says of it. */
static void
fetch(const struct fw_device *d)
{
	if (!d)
		return;
	__builtin_prefetch(&d->boot, 1);
	__builtin_prefetch(&d->topic_division);
	__builtin_prefetch(d->id);
}

static void
count_committed(struct fw_core *core, const struct fw_receipt_item *item)
{
	struct fw_core_counters *c = &core->counters;

	if (item->rejected != FW_REASON_NONE)
		c->committed_quarantined[item->lane]++;
	else if (item->duplicate)
		c->committed_duplicates[item->lane]++;
	else
		c->committed[item->lane]++;
}

struct fw_actions
fw_core_committed(struct fw_core *core, struct fw_receipt_item *items, size_t count, int64_t now_us)
{
	size_t used = 0;

	fw_core_begin(core);
	for (size_t k = 0; k < count; k++) {
		count_committed(core, &items[k]);
		if (items[k].sequence == 0)
			free(items[k].claimed);
		else
			items[used++] = items[k];
	}
	for (size_t k = 0; k < used; k++) {
		fetch(k + AHEAD < used ? items[k + AHEAD].device : NULL);
		note_recorded(core, &items[k], now_us);
	}
	if (used)
		qsort(items, used, sizeof(*items), compare);
	for (size_t k = 0, n; k < used; k += n) {
		fetch(k + AHEAD < used ? items[k + AHEAD].device : NULL);
		for (n = 1; k + n < used && items[k + n].via == items[k].via; n++)
			;
		emit_receipt(core, items + k, n);
	}
	for (size_t k = 0; k < used; k++)
		free(items[k].claimed);
	return fw_core_end(core);
}

static void
emit_device(struct fw_core *core, struct fw_device *d)
{
	struct fw_action *action = fw_emit(core, FW_ACT_STATUS);
	struct fw_boot *boot;

	action->lane = FW_LANE_TELEMETRY;
	action->u.device = d;
	for (size_t k = 0; (boot = fw_device_boot_at(d, k)); k++) {
		if (!boot->dirty)
			continue;
		boot->dirty = false;
		action = fw_emit(core, FW_ACT_LEDGER);
		action->lane = FW_LANE_TELEMETRY;
		action->u.ledger.device = d;
		action->u.ledger.boot = boot;
	}
}

struct fw_actions
fw_core_flush_devices(struct fw_core *core, size_t most)
{
	fw_core_begin(core);
	if (!core->dirty_devices)
		return fw_core_end(core);
	for (size_t n = 0; core->dirty_devices && n < most; n++) {
		struct fw_device *d = core->dirty_devices;

		core->dirty_devices = d->next_dirty;
		if (!core->dirty_devices)
			core->dirty_devices_end = &core->dirty_devices;
		if (d->next_dirty)
			__builtin_prefetch(d->next_dirty, 1);
		d->dirty = false;
		emit_device(core, d);
	}
	if (!core->dirty_devices)
		fw_emit(core, FW_ACT_LEDGER_MARK)->lane = FW_LANE_TELEMETRY;
	return fw_core_end(core);
}
