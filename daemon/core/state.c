/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's memory: made and freed, what one input leaves behind it, devices, and how long alarms and incidents live.  Decides
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decode.h"
#include "core/state.h"

#define ARENA_BLOCK_BYTES (256 * 1024)

struct fw_core *
fw_core_new(const struct fw_rules *rules, uint64_t hash_seed)
{
	struct fw_core *core = fw_calloc(1, sizeof(*core));

	core->rules = *rules;
	core->hash_seed = hash_seed;
	fw_strmap_init(&core->devices, hash_seed);
	fw_strmap_init(&core->incidents, hash_seed);
	fw_strmap_init(&core->open_incidents, hash_seed);
	fw_strmap_init(&core->pages, hash_seed);
	fw_deadlines_init(&core->steps_due);
	fw_deadlines_init(&core->pages_due);
	fw_arena_init(&core->arena, ARENA_BLOCK_BYTES);
	core->slices = fw_calloc(FW_REPORTS_MAX, sizeof(*core->slices));
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
	while (fw_strmap_next(&core->devices, &cursor, &value))
		fw_device_free(value);
	fw_strmap_fini(&core->devices);
	fw_strmap_fini(&core->incidents);
	fw_strmap_fini(&core->open_incidents);
	fw_strmap_fini(&core->pages);
	fw_arena_fini(&core->arena);
	fw_town_free(core->town);
	free(core->slices);
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

struct fw_actions
fw_core_end(struct fw_core *core)
{
	return (struct fw_actions) {.items = core->actions, .count = core->action_count};
}

struct fw_action *
fw_emit(struct fw_core *core, enum fw_action_type type)
{
	struct fw_action *action;

	core->actions = fw_grow(core->actions, &core->action_cap, core->action_count + 1, sizeof(*core->actions));
	action = &core->actions[core->action_count++];
	memset(action, 0, sizeof(*action));
	action->type = type;
	action->lane = FW_LANE_ALARM;
	return action;
}

struct fw_device *
fw_core_device(struct fw_core *core, const char *id, const char *division)
{
	size_t n = strlen(id);
	struct fw_device *d = fw_strmap_get(&core->devices, id, n);

	if (!d) {
		d = fw_calloc(1, sizeof(*d));
		d->id = fw_strdup(id);
		d->registration = fw_town_device(core->town, id, n);
		fw_strmap_put(&core->devices, d->id, n, d);
	}
	memcpy(d->topic_division, division, strlen(division) + 1);
	return d;
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

/* ---------------------------------------------------------------- how long alarms and incidents live */

void
fw_alarm_unlink(struct fw_alarm *a)
{
	struct fw_alarm **at = &a->incident->alarms;

	while (*at != a)
		at = &(*at)->incident_next;
	*at = a->incident_next;
}

static void
bury_alarm(struct fw_core *core, struct fw_alarm *a)
{
	fw_alarm_unlink(a);
	a->next_dirty = core->dead_alarms;
	core->dead_alarms = a;
}

void
fw_incident_prune(struct fw_core *core, struct fw_incident *i, int64_t before_us)
{
	struct fw_alarm *next;

	for (struct fw_alarm *a = i->alarms; a; a = next) {
		next = a->incident_next;
		if (a->restored_at_us && !a->dirty && (a->class != FW_CLASS_FIRE || a->last_seen_us < before_us))
			bury_alarm(core, a);
	}
}

void
fw_incident_release(struct fw_core *core, struct fw_incident *i)
{
	if (!i->closed || i->dirty || i->pages || fw_strmap_get(&core->incidents, i->id, strlen(i->id)) != i)
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
