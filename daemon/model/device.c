/* SPDX-License-Identifier: Apache-2.0 */
/* A device and its boots; see device.h. */
#include "model/device.h"

#include <stdlib.h>

#include "base/mem.h"

const char *
fw_device_division(const struct fw_device *d)
{
	return d->registration ? d->registration->division : d->topic_division;
}

const struct fw_site *
fw_device_site(const struct fw_device *d)
{
	return d->registration ? d->registration->site : NULL;
}

static uint32_t
last_used(const struct fw_device *d)
{
	uint32_t used = 0;

	for (uint8_t i = 0; i < d->boot_count; i++)
		if (d->boots[i].used > used)
			used = d->boots[i].used;
	return used;
}

struct fw_boot *
fw_device_boot(struct fw_device *d, uint32_t boot_id)
{
	for (uint8_t i = 0; i < d->boot_count; i++)
		if (d->boots[i].boot_id == boot_id)
			return &d->boots[i];
	return NULL;
}

static struct fw_boot *
free_place(struct fw_device *d)
{
	uint8_t oldest = 0;

	if (d->boot_count < FW_BOOTS_MAX) {
		d->boots = fw_realloc(d->boots, d->boot_count + 1u, sizeof(*d->boots));
		return &d->boots[d->boot_count++];
	}
	for (uint8_t i = 1; i < d->boot_count; i++)
		if (d->boots[i].used < d->boots[oldest].used)
			oldest = i;
	fw_seqset_fini(&d->boots[oldest].received);
	fw_seqset_fini(&d->boots[oldest].recorded);
	return &d->boots[oldest];
}

struct fw_boot *
fw_device_boot_make(struct fw_device *d, uint32_t boot_id)
{
	struct fw_boot *boot = fw_device_boot(d, boot_id);
	uint32_t used;

	used = last_used(d);
	if (boot) {
		if (boot->used < used)
			boot->used = used + 1;
		return boot;
	}
	used++;
	boot = free_place(d);
	*boot = (struct fw_boot){.boot_id = boot_id, .used = used};
	return boot;
}

void
fw_device_free(struct fw_device *d)
{
	for (uint8_t i = 0; i < d->boot_count; i++) {
		fw_seqset_fini(&d->boots[i].received);
		fw_seqset_fini(&d->boots[i].recorded);
	}
	free(d->boots);
	free(d->id);
	free(d);
}
