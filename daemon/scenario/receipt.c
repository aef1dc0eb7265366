/* SPDX-License-Identifier: Apache-2.0 */
/* What a receipt lets a device forget; see device.h. */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "scenario/device.h"
#include "firewatch/v1/firewatch.pb-c.h"

enum verdict { KEPT, RECORDED, REJECTED };

static enum verdict
verdict_of(const Firewatch__V1__Entry *e, const struct sim_report *r)
{
	if (r->boot != e->boot_id)
		return KEPT;
	for (size_t i = 0; i < e->n_rejected; i++)
		if (e->rejected[i]->sequence == r->sequence)
			return REJECTED;
	if (r->claimed)
		return KEPT;
	if (r->sequence >= 1 && r->sequence <= e->through_sequence)
		return RECORDED;
	for (size_t i = 0; i < e->n_also; i++)
		if (e->also[i] == r->sequence)
			return RECORDED;
	return KEPT;
}

static void
forget(struct sim_devices *all, struct sim_kept *k, enum verdict verdict)
{
	if (verdict == REJECTED)
		all->rejected++;
	else
		all->receipted++;
	all->kept_count--;
	TAILQ_REMOVE(&k->report.device->kept, k, of_device);
	if (k->due_us != FW_NEVER)
		TAILQ_REMOVE(&all->kept, k, of_all);
	free(k);
}

/* claimed: only the reports that went out under another's identity. */
static void
apply(struct sim_devices *all, struct sim_device *d, const Firewatch__V1__Entry *e, bool claimed)
{
	struct sim_kept *next;

	for (struct sim_kept *k = TAILQ_FIRST(&d->kept); k; k = next) {
		enum verdict verdict =
		    k->report.claimed == claimed ? verdict_of(e, &k->report) : KEPT;

		next = TAILQ_NEXT(k, of_device);
		if (verdict != KEPT)
			forget(all, k, verdict);
	}
}

/* The device in "fire/v1/{division}/{device}/receipt", when it is one of ours there. */
static struct sim_device *
addressee(const struct sim_devices *all, const char *topic)
{
	const char *name, *end;
	struct sim_device *d;
	size_t division_len;

	if (strncmp(topic, "fire/v1/", 8) != 0 || !(name = strchr(topic + 8, '/')))
		return NULL;
	division_len = (size_t)(name++ - (topic + 8));
	end = strchr(name, '/');
	if (!end || strcmp(end, "/receipt") != 0)
		return NULL;
	d = fw_strmap_get(&all->by_name, name, (size_t)(end - name));
	if (!d || strlen(d->division) != division_len ||
	    memcmp(d->division, topic + 8, division_len) != 0)
		return NULL;
	return d;
}

bool
sim_devices_receipt(struct sim_devices *all, const char *topic, const uint8_t *payload, size_t len)
{
	Firewatch__V1__Receipt *receipt = firewatch__v1__receipt__unpack(NULL, len, payload);
	struct sim_device *via = addressee(all, topic);

	for (size_t i = 0; receipt && via && i < receipt->n_entries; i++) {
		const Firewatch__V1__Entry *e = receipt->entries[i];
		struct sim_device *d = via;

		if (*e->device_id)
			d = fw_strmap_get(&all->by_name, e->device_id, strlen(e->device_id));
		if (d && d->via == via)
			apply(all, d, e, false);
		for (size_t j = 0; e->n_rejected > 0 && j < all->count; j++)
			if (all->device[j].via == via)
				apply(all, &all->device[j], e, true);
	}
	if (receipt)
		firewatch__v1__receipt__free_unpacked(receipt, NULL);
	return receipt != NULL && via != NULL;
}
