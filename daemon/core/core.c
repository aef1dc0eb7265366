/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of the core, and one message's way through it: topic, uplink, report by report; who it is, is it new, what
 * does it change.
 */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/classify.h"
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

void
fw_core_set_rules(struct fw_core *core, const struct fw_rules *rules)
{
	core->rules = *rules;
}

void
fw_core_set_town(struct fw_core *core, struct fw_town *town)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&core->devices, &cursor, &value)) {
		struct fw_device *d = value;

		d->registration = fw_town_device(town, d->id, strlen(d->id));
	}
	fw_town_free(core->town);
	core->town = town;
}

const struct fw_town *
fw_core_town(const struct fw_core *core)
{
	return core->town;
}

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

/* ---------------------------------------------------------------- one message */

/* Keeps what cannot be believed; what was taken in again from quarantine is there already. */
static struct fw_action *
quarantine(struct fw_core *core, struct fw_quarantine what)
{
	const struct fw_message *m = what.message;
	struct fw_quarantine *q = fw_arena_alloc(&core->arena, sizeof(*q));
	struct fw_action *action = fw_emit(core, m->replay_id ? FW_ACT_REPLAYED : FW_ACT_QUARANTINE);

	core->counters.quarantined[m->lane]++;
	if (m->replay_id) {
		action->u.replayed.quarantine_id = m->replay_id;
		action->u.replayed.outcome = fw_reason_name(what.reason);
		return action;
	}
	*q = what;
	action->lane = core->lane;
	action->u.quarantine = q;
	return action;
}

static void
quarantine_message(
    struct fw_core *core, const struct fw_message *m, const char *device, enum fw_reason reason, const char *detail)
{
	quarantine(core, (struct fw_quarantine) {
	                     .message = m,
	                     .index = -1,
	                     .device = device,
	                     .reason = reason,
	                     .detail = detail,
	                     .payload = m->payload,
	                     .payload_len = m->payload_len,
	                 });
}

/* The device that a report is of, or NULL when its sender may not speak for it. */
static struct fw_device *
identify(struct fw_core *core, const struct fw_report *r, struct fw_device *via)
{
	const struct fw_registration *child;

	if (!*r->device_id || strcmp(r->device_id, via->id) == 0)
		return via;
	child = fw_town_device(core->town, r->device_id, strlen(r->device_id));
	if (!child || strcmp(child->parent, via->id) != 0)
		return NULL;
	return fw_core_device(core, r->device_id, via->topic_division);
}

static void
judge_clock(const struct fw_core *core, struct fw_report *r)
{
	int64_t received = r->message->received_at_us;

	r->observed_at_us = received;
	if (r->device_time_us == 0)
		return;
	if (r->device_time_us > received + core->rules.clock_ahead_us ||
	    r->device_time_us < received - core->rules.clock_behind_us)
		r->clock_fault = true;
	else
		r->observed_at_us = r->device_time_us;
}

static void
note_seen(struct fw_core *core, struct fw_device *d, const struct fw_report *r)
{
	if (r->message->received_at_us >= d->last_seen_us && !r->backfill) {
		d->last_observed_us = r->observed_at_us;
		d->last_boot_id = r->boot_id;
		d->mode = r->mode;
		d->clock_fault = r->clock_fault;
		if (r->health) {
			size_t n = fw_text_cut(r->health->firmware, strlen(r->health->firmware), sizeof(d->firmware) - 1);

			d->has_health = true;
			d->battery_percent = (uint8_t) r->health->battery_percent;
			d->signal_dbm = r->health->signal_dbm;
			d->mains_ok = r->health->mains_ok;
			memcpy(d->firmware, r->health->firmware, n);
			d->firmware[n] = '\0';
		}
	}
	if (r->message->received_at_us > d->last_seen_us)
		d->last_seen_us = r->message->received_at_us;
	if (!d->seen)
		d->last_observed_us = r->observed_at_us;
	d->seen = true;
	fw_mark_device(core, d);
}

static void
promote(struct fw_core *core, size_t first_action, enum fw_lane lane)
{
	if (lane == FW_LANE_ALARM)
		return;
	core->counters.promoted++;
	for (size_t i = first_action; i < core->action_count; i++)
		core->actions[i].lane = FW_LANE_ALARM;
}

static void
emit_report(struct fw_core *core, enum fw_action_type type, const struct fw_report *r)
{
	struct fw_action *action = fw_emit(core, type);

	action->lane = core->lane;
	action->u.report = r;
	action->item = (struct fw_receipt_item) {
	    .via = r->via, .device = r->device, .boot_id = r->boot_id, .sequence = r->sequence};
}

static bool
is_new(const struct fw_report *r)
{
	struct fw_boot *boot = fw_device_boot_make(r->device, r->boot_id);

	return fw_seqset_add(&boot->received, r->sequence, r->message->received_at_us);
}

/* A refused report has been counted as received: taking it in again must not find it a duplicate of itself. */
static bool
is_duplicate(struct fw_core *core, const struct fw_report *r)
{
	bool replayed_alone = r->message->replay_id && r->message->replay_index >= 0;

	if (is_new(r) || replayed_alone)
		return false;
	core->counters.duplicates[r->message->lane]++;
	emit_report(core, FW_ACT_DUPLICATE, r);
	return true;
}

static void
accept(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	size_t first_action = core->action_count;
	bool changed = false;

	if (is_duplicate(core, r))
		return;
	core->counters.reports[r->message->lane]++;
	emit_report(core, FW_ACT_REPORT, r);
	if (r->message->replay_id) {
		struct fw_action *action = fw_emit(core, FW_ACT_REPLAYED);

		action->u.replayed.quarantine_id = r->message->replay_id;
		action->u.replayed.outcome = "recorded";
	}
	note_seen(core, r->device, r);
	for (size_t i = 0; i < r->event_count; i++)
		changed |= fw_alarm_event(core, r->device, r, i, now_us);
	if (changed)
		promote(core, first_action, core->lane);
}

static bool
is_fire(const struct fw_event *e)
{
	return e->active && e->condition > FW_CONDITION_UNSPECIFIED && e->condition < FW_CONDITIONS &&
	       fw_classify(e->condition).class == FW_CLASS_FIRE;
}

static void
quarantine_report(struct fw_core *core, const struct fw_report *r, enum fw_reason reason, const char *detail)
{
	struct fw_slice single = fw_encode_single(&core->arena, (struct fw_slice) {.bytes = r->body, .len = r->body_len});
	struct fw_action *action = quarantine(core, (struct fw_quarantine) {
	                                                .message = r->message,
	                                                .index = (int32_t) r->index,
	                                                .device = r->via->id,
	                                                .reason = reason,
	                                                .detail = detail,
	                                                .payload = single.bytes,
	                                                .payload_len = single.len,
	                                                .report_device = *r->device_id ? r->device_id : r->via->id,
	                                                .has_sequence = r->sequence != 0,
	                                                .boot_id = r->boot_id,
	                                                .sequence = r->sequence,
	                                            });

	if (action->type == FW_ACT_QUARANTINE)
		action->item = (struct fw_receipt_item) {
		    .via = r->via,
		    .device = r->device,
		    .claimed = r->device ? NULL : fw_strdup(r->device_id),
		    .boot_id = r->boot_id,
		    .sequence = r->sequence,
		    .rejected = reason,
		};
}

/* A report that cannot be believed is kept out of the records, but a fire flag in it is a fire: it is raised for the device, or
   for its sender when the device is what cannot be believed. */
static void
refuse(struct fw_core *core, const struct fw_report *r, enum fw_reason reason, const char *detail, int64_t now_us)
{
	size_t first_action = core->action_count;
	bool changed = false;

	if (r->device && r->sequence && is_duplicate(core, r))
		return;
	quarantine_report(core, r, reason, detail);
	for (size_t i = 0; i < r->event_count; i++)
		if (is_fire(&r->events[i]))
			changed |= fw_alarm_event(core, r->device ? r->device : r->via, r, i, now_us);
	if (changed)
		promote(core, first_action, core->lane);
}

static void
take_report(struct fw_core *core, const struct fw_message *m, struct fw_device *via, uint32_t index, int64_t now_us)
{
	struct fw_report *r = fw_arena_alloc(&core->arena, sizeof(*r));
	const char *detail;
	enum fw_reason reason = fw_decode_report(&core->arena, core->slices[index], r, &detail);

	r->message = m;
	r->index = index;
	r->via = via;
	judge_clock(core, r);
	if (reason != FW_REASON_NOT_PROTOBUF && reason != FW_REASON_IDENTITY) {
		r->device = identify(core, r, via);
		if (!r->device && reason == FW_REASON_NONE) {
			reason = FW_REASON_IDENTITY;
			detail = fw_arena_printf(&core->arena, "device_id: %s is not registered under %s", r->device_id, via->id);
		}
	}
	if (reason == FW_REASON_NONE)
		accept(core, r, now_us);
	else
		refuse(core, r, reason, detail, now_us);
}

static void
register_unknown(struct fw_core *core, struct fw_device *d)
{
	struct fw_action *action;

	if (d->registration || d->registering)
		return;
	d->registering = true;
	action = fw_emit(core, FW_ACT_REGISTER);
	action->lane = core->lane;
	action->u.device = d;
}

static void
take_uplink(struct fw_core *core, const struct fw_message *m, const struct fw_topic *topic, int64_t now_us)
{
	struct fw_device *via = fw_core_device(core, topic->device, topic->division);
	size_t count;
	int error = fw_decode_uplink(m->payload, m->payload_len, core->slices, FW_REPORTS_MAX, &count);

	register_unknown(core, via);
	for (size_t i = 0; i < count; i++)
		take_report(core, m, via, (uint32_t) i, now_us);
	if (error == FW_ETOOBIG)
		quarantine_message(core, m, via->id, FW_REASON_OVERSIZE,
		    fw_arena_printf(&core->arena, "more than %d reports; those before are taken in", FW_REPORTS_MAX));
	else if (error != FW_OK)
		quarantine_message(core, m, via->id, FW_REASON_NOT_PROTOBUF,
		    fw_arena_printf(&core->arena, "not an Uplink, behind %zu reports that are taken in", count));
	else if (count == 0)
		quarantine_message(core, m, via->id, FW_REASON_NOT_PROTOBUF, "an Uplink without a report");
}

struct fw_actions
fw_core_message(struct fw_core *core, const struct fw_message *m, int64_t now_us)
{
	struct fw_topic topic;

	fw_core_begin(core);
	core->lane = m->lane;
	core->counters.messages[m->lane]++;
	if (fw_decode_topic(m->topic, m->topic_len, &topic) != FW_OK) {
		quarantine_message(core, m, "-", FW_REASON_TOPIC, "not fire/v1/{division}/{device}/alarm or telemetry");
	} else if (m->original_len > m->payload_len) {
		quarantine_message(core, m, fw_arena_text(&core->arena, topic.device, strlen(topic.device)),
		    FW_REASON_OVERSIZE,
		    fw_arena_printf(&core->arena, "%llu bytes, of which the first %zu are kept",
			(unsigned long long) m->original_len, m->payload_len));
	} else {
		take_uplink(core, m, &topic, now_us);
	}
	fw_escalate_tick(core, now_us);
	return fw_core_end(core);
}

/* ---------------------------------------------------------------- time, transactions, people */

struct fw_actions
fw_core_tick(struct fw_core *core, int64_t now_us)
{
	fw_core_begin(core);
	fw_escalate_tick(core, now_us);
	fw_page_tick(core, now_us);
	return fw_core_end(core);
}

int64_t
fw_core_next_tick_us(const struct fw_core *core)
{
	int64_t steps = fw_deadlines_next_us(&core->steps_due), pages = fw_deadlines_next_us(&core->pages_due);

	return steps < pages ? steps : pages;
}

struct fw_actions
fw_core_flush(struct fw_core *core)
{
	fw_core_begin(core);
	fw_incident_flush(core);
	fw_alarm_flush(core);
	return fw_core_end(core);
}

static void
note_closed(struct fw_core *core, struct fw_incident *i, const struct fw_act *act)
{
	if (i->closed || act->closed_trigger < i->trigger_count)
		return;
	i->closed = true;
	i->closed_trigger = act->closed_trigger;
	i->closed_at_us = act->closed_at_us;
	if (fw_strmap_get(&core->open_incidents, i->key, strlen(i->key)) == i)
		fw_strmap_remove(&core->open_incidents, i->key, strlen(i->key));
}

struct fw_actions
fw_core_acted(struct fw_core *core, const struct fw_act *act, int64_t now_us)
{
	struct fw_incident *i = fw_strmap_get(&core->incidents, act->incident_id, strlen(act->incident_id));
	bool real;

	fw_core_begin(core);
	if (!i)
		return fw_core_end(core);
	real = act->verdict == FW_VERDICT_REAL_FIRE && i->verdict != FW_VERDICT_REAL_FIRE;
	i->verdict = act->verdict;
	if (act->acknowledged_trigger > i->acknowledged_trigger)
		i->acknowledged_trigger = act->acknowledged_trigger;
	if (act->closed_trigger > i->closed_trigger)
		i->closed_trigger = act->closed_trigger;
	fw_escalate_answered(core, i);
	fw_page_answered(core, i);
	if (real && !i->closed)
		fw_escalate_all(core, i, now_us);
	note_closed(core, i, act);
	fw_incident_release(core, i);
	return fw_core_end(core);
}

void
fw_core_counters(const struct fw_core *core, struct fw_core_counters *out)
{
	*out = core->counters;
	out->devices = fw_strmap_count(&core->devices);
	out->incidents = fw_strmap_count(&core->open_incidents);
	out->pages_pending = fw_strmap_count(&core->pages);
}

void
fw_core_each_incident(
    const struct fw_core *core, void (*visit)(const struct fw_incident *incident, void *context), void *context)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&core->open_incidents, &cursor, &value))
		visit(value, context);
}
