/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's memory: made and freed, what one input leaves behind it, devices, and how long alarms
 * and incidents live.  Decides nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/state.h"

#define ARENA_BLOCK_BYTES (256 * 1024)
#define LASTING_BLOCK_BYTES (64 * 1024)
#define TEXTS_MOST 4096 /* shared ones; beyond them a device has its own */

struct fw_core *
fw_core_new(const struct fw_rules *rules, uint64_t hash_seed)
{
	struct fw_core *core = fw_calloc(1, sizeof(*core));

	core->rules = *rules;
	core->hash_seed = hash_seed;
	fw_arena_init(&core->lasting, LASTING_BLOCK_BYTES);
	fw_idset_init(&core->devices, hash_seed, offsetof(struct fw_device, id));
	fw_strmap_init(&core->texts, hash_seed);
	fw_strmap_init(&core->incidents, hash_seed);
	fw_strmap_init(&core->open_incidents, hash_seed);
	fw_strmap_init(&core->pages, hash_seed);
	fw_strmap_init(&core->chatters, hash_seed);
	fw_strmap_init(&core->floods, hash_seed);
	fw_strmap_init(&core->areas, hash_seed);
	fw_strmap_init(&core->raised, hash_seed);
	fw_strmap_init(&core->restored, hash_seed);
	fw_deadlines_init(&core->steps_due);
	fw_deadlines_init(&core->pages_due);
	fw_deadlines_init(&core->chatters_due);
	fw_deadlines_init(&core->floods_due);
	fw_deadlines_init(&core->hazards_due);
	fw_deadlines_init(&core->windows_due);
	fw_strmap_init(&core->false_alarms, hash_seed);
	fw_deadlines_init(&core->watches_due);
	fw_strmap_init(&core->watches, hash_seed);
	fw_deadlines_init(&core->silence_due);
	fw_deadlines_init(&core->conduct_due);
	fw_arena_init(&core->arena, ARENA_BLOCK_BYTES);
	core->dirty_devices_end = &core->dirty_devices;
	return core;
}

static void
free_dead(struct fw_core *core)
{
	while (core->dead_steps) {
		struct fw_step *s = core->dead_steps;

		core->dead_steps = s->next;
		fw_step_free(s);
	}
	while (core->dead_pages) {
		struct fw_page *p = core->dead_pages;

		core->dead_pages = p->next;
		fw_page_free(p);
	}
	while (core->dead_alarms) {
		struct fw_alarm *a = core->dead_alarms;

		core->dead_alarms = a->next_dirty;
		fw_alarm_free(a);
	}
	while (core->dead_incidents) {
		struct fw_incident *i = core->dead_incidents;

		core->dead_incidents = i->next_dirty;
		fw_incident_free(i);
	}
}

void
fw_core_free(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	if (!core)
		return;
	free_dead(core);
	fw_deadlines_fini(&core->steps_due);
	fw_deadlines_fini(&core->pages_due);
	fw_deadlines_fini(&core->hazards_due);
	fw_deadlines_fini(&core->windows_due);
	fw_windows_free(core->windows);
	fw_watches_fini(core);
	fw_deadlines_fini(&core->silence_due);
	fw_conduct_free(core);
	while (fw_strmap_next(&core->incidents, &cursor, &value)) {
		struct fw_incident *i = value;

		while (i->alarms) {
			struct fw_alarm *a = i->alarms;

			i->alarms = a->incident_next;
			fw_alarm_free(a);
		}
		fw_incident_free(i);
	}
	cursor = 0;
	while (fw_strmap_next(&core->false_alarms, &cursor, &value))
		fw_false_alarms_free(value);
	fw_strmap_fini(&core->false_alarms);
	cursor = 0;
	while (fw_idset_next(&core->devices, &cursor, &value))
		fw_device_fini(value);
	fw_idset_fini(&core->devices);
	fw_strmap_fini(&core->texts);
	fw_strmap_fini(&core->incidents);
	fw_strmap_fini(&core->open_incidents);
	fw_strmap_fini(&core->pages);
	fw_chatter_free(core);
	fw_flood_free(core);
	fw_strmap_fini(&core->areas);
	fw_strmap_fini(&core->raised);
	fw_strmap_fini(&core->restored);
	fw_arena_fini(&core->arena);
	fw_arena_fini(&core->lasting);
	fw_town_free(core->town);
	free(core->actions);
	free(core);
}

/* ---------------------------------------------------------------- one input */

void
fw_core_begin(struct fw_core *core)
{
	free_dead(core);
	fw_arena_reset(&core->arena);
	core->action_count = 0;
	core->lane = FW_LANE_ALARM;
}

void
fw_core_now(struct fw_core *core, int64_t now_us)
{
	if (now_us < core->last_now_us) {
		fw_deadlines_shift(&core->steps_due, now_us - core->last_now_us);
		fw_deadlines_shift(&core->pages_due, now_us - core->last_now_us);
		fw_deadlines_shift(&core->chatters_due, now_us - core->last_now_us);
		fw_flood_shift(core, now_us - core->last_now_us);
		fw_deadlines_shift(&core->hazards_due, now_us - core->last_now_us);
		fw_deadlines_shift(&core->watches_due, now_us - core->last_now_us);
		core->watches_held_us += now_us - core->last_now_us;
		core->loaded_us += now_us - core->last_now_us;
		if (core->unread_us)
			core->unread_us += now_us - core->last_now_us;
		fw_supervise_shift(core, now_us - core->last_now_us);
	}
	core->last_now_us = now_us;
}

struct fw_actions
fw_core_end(struct fw_core *core)
{
	return (struct fw_actions){.items = core->actions, .count = core->action_count};
}

struct fw_action *
fw_emit(struct fw_core *core, enum fw_action_type type)
{
	struct fw_action *action;

	core->actions = fw_grow(
	    core->actions, &core->action_cap, core->action_count + 1, sizeof(*core->actions));
	action = &core->actions[core->action_count++];
	memset(action, 0, sizeof(*action));
	action->type = type;
	action->lane = FW_LANE_ALARM;
	return action;
}

/* The text as all who have it share it; NULL when it is new and there are `most` of them. */
static const char *
share(struct fw_core *core, const char *text, size_t n, size_t most)
{
	char *shared = fw_strmap_get(&core->texts, text, n);

	if (!shared && fw_strmap_count(&core->texts) < most) {
		shared = fw_arena_text(&core->lasting, text, n);
		fw_strmap_put(&core->texts, shared, n, shared);
	}
	return shared;
}

static char *
copy_text(const char *text, size_t n)
{
	char *copy = fw_calloc(n + 1, 1);

	memcpy(copy, text, n);
	return copy;
}

void
fw_device_set_firmware(struct fw_core *core, struct fw_device *d, const char *text, size_t n)
{
	const char *shared;

	if (strncmp(d->firmware, text, n) == 0 && d->firmware[n] == '\0')
		return;
	if (d->owns_firmware)
		free((char *)(uintptr_t)d->firmware);
	shared = share(core, text, n, TEXTS_MOST);
	d->owns_firmware = !shared;
	d->firmware = shared ? shared : copy_text(text, n);
}

struct fw_device *
fw_core_device(struct fw_core *core, const char *id, const char *division)
{
	size_t n = strlen(id);
	struct fw_device *d = fw_idset_get(&core->devices, id, n);

	if (!d) {
		d = fw_device_new(&core->lasting, id);
		d->registration = fw_town_device(core->town, id, n);
		fw_idset_add(&core->devices, d);
	}
	if (strcmp(d->topic_division, division) != 0)
		d->topic_division = share(core, division, strlen(division), SIZE_MAX);
	return d;
}

const struct fw_profile *
fw_core_profile(const struct fw_core *core, const struct fw_device *d)
{
	return d->registration ? d->registration->profile : fw_town_stranger(core->town);
}

enum fw_level_id
fw_core_level(const struct fw_core *core, const struct fw_device *d, int64_t at_us)
{
	const struct fw_site *site = fw_device_site(d);

	return fw_town_level(core->town,
	    site ? site->division : fw_town_division_near(core->town, d->topic_division), at_us);
}

void
fw_mark_device(struct fw_core *core, struct fw_device *d)
{
	if (d->dirty)
		return;
	d->dirty = true;
	d->next_dirty = NULL;
	*core->dirty_devices_end = d;
	core->dirty_devices_end = &d->next_dirty;
}

/* ---------------------------------------------------------------- how long alarms and incidents
 * live */

static struct fw_alarm *
by_key(const struct fw_strmap *map, const struct fw_device *d, uint32_t point, enum fw_class class)
{
	const struct fw_alarm_key key = {.device = d, .point = point, .class = class};

	return fw_strmap_get(map, (const char *)&key, sizeof(key));
}

struct fw_alarm *
fw_alarm_raised(
    const struct fw_core *core, const struct fw_device *d, uint32_t point, enum fw_class class)
{
	return by_key(&core->raised, d, point, class);
}

struct fw_alarm *
fw_alarm_restored(
    const struct fw_core *core, const struct fw_device *d, uint32_t point, enum fw_class class)
{
	return by_key(&core->restored, d, point, class);
}

void
fw_alarm_index(struct fw_core *core, struct fw_alarm *a)
{
	a->key = (struct fw_alarm_key){.device = a->device, .point = a->point, .class = a->class};
	if (!a->restored_at_us) {
		fw_strmap_put(&core->raised, (const char *)&a->key, sizeof(a->key), a);
		a->device_next = a->device->alarms;
		a->device_at = &a->device->alarms;
		if (a->device_next)
			a->device_next->device_at = &a->device_next;
		a->device->alarms = a;
		return;
	}
	if (a->device_at) {
		fw_area_forget(a);
		a->incident->raised_alarms--;
		fw_strmap_remove(&core->raised, (const char *)&a->key, sizeof(a->key));
		*a->device_at = a->device_next;
		if (a->device_next)
			a->device_next->device_at = a->device_at;
		a->device_at = NULL;
	}
	if (fw_class_is_emergency(a->class))
		fw_strmap_put(&core->restored, (const char *)&a->key, sizeof(a->key), a);
}

static void
count(struct fw_alarm *a)
{
	a->counted_weight = a->weight;
	a->counted_windowed = a->windowed;
	a->incident->weighing[a->weight][a->windowed]++;
}

void
fw_alarm_link(struct fw_incident *i, struct fw_alarm *a)
{
	a->incident = i;
	a->incident_next = i->alarms;
	a->incident_at = &i->alarms;
	if (a->incident_next)
		a->incident_next->incident_at = &a->incident_next;
	i->alarms = a;
	i->linked_alarms++;
	i->raised_alarms += !a->restored_at_us;
	count(a);
}

void
fw_alarm_recount(struct fw_alarm *a)
{
	a->incident->weighing[a->counted_weight][a->counted_windowed]--;
	count(a);
}

void
fw_alarm_unlink(struct fw_alarm *a)
{
	*a->incident_at = a->incident_next;
	if (a->incident_next)
		a->incident_next->incident_at = a->incident_at;
	a->incident->weighing[a->counted_weight][a->counted_windowed]--;
	a->incident->linked_alarms--;
	a->incident->raised_alarms -= !a->restored_at_us;
}

static void
bury_alarm(struct fw_core *core, struct fw_alarm *a)
{
	fw_alarm_unlink(a);
	if (fw_alarm_restored(core, a->device, a->point, a->class) == a)
		fw_strmap_remove(&core->restored, (const char *)&a->key, sizeof(a->key));
	a->next_dirty = core->dead_alarms;
	core->dead_alarms = a;
}

void
fw_incident_prune(struct fw_core *core, struct fw_incident *i, int64_t before_us)
{
	struct fw_alarm *next;

	for (struct fw_alarm *a = i->alarms; a; a = next) {
		next = a->incident_next;
		if (a->restored_at_us && !a->dirty &&
		    (!fw_class_is_emergency(a->class) || a->last_seen_us < before_us))
			bury_alarm(core, a);
	}
	i->prune_above = 2 * i->linked_alarms + 16;
}

void
fw_incident_release(struct fw_core *core, struct fw_incident *i)
{
	if (!i->closed || i->dirty || i->pages || i->unreached ||
	    fw_strmap_get(&core->incidents, i->id, strlen(i->id)) != i)
		return;
	fw_incident_prune(core, i, INT64_MAX);
	if (i->alarms)
		return;
	for (struct fw_step *s = i->steps; s; s = s->next)
		fw_deadline_cancel(&core->steps_due, &s->deadline);
	fw_strmap_remove(&core->incidents, i->id, strlen(i->id));
	i->next_dirty = core->dead_incidents;
	core->dead_incidents = i;
}
