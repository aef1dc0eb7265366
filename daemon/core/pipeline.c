/* SPDX-License-Identifier: Apache-2.0 */
/* One message's way through the core: topic, uplink, report by report; who it is, is it new, what
 * does it change. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decode.h"
#include "core/state.h"

#define EXPECTED_MOST 64

/* Keeps what cannot be believed; what was taken in again from quarantine is there already. */
static struct fw_action *
quarantine(struct fw_core *core, struct fw_quarantine what)
{
	const struct fw_message *m = what.message;
	struct fw_quarantine *q = fw_arena_alloc(&core->arena, sizeof(*q));
	struct fw_action *action =
	    fw_emit(core, m->replay_id ? FW_ACT_REPLAYED : FW_ACT_QUARANTINE);

	if (m->replay_id) {
		core->counters.items[m->lane]--; /* was one before */
		action->u.replayed.quarantine_id = m->replay_id;
		action->u.replayed.outcome = fw_reason_name(what.reason);
		return action;
	}
	core->counters.quarantined[m->lane]++;
	*q = what;
	action->lane = core->lane;
	action->item = (struct fw_receipt_item){.lane = m->lane, .rejected = what.reason};
	action->u.quarantine = q;
	return action;
}

static void
quarantine_message(struct fw_core *core, const struct fw_message *m, const char *device,
    enum fw_reason reason, const char *detail)
{
	core->counters.items[m->lane]++;
	quarantine(core, (struct fw_quarantine){
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
	struct fw_device *d;
	size_t n;

	if (!*r->device_id || strcmp(r->device_id, via->id) == 0)
		return via;
	n = strlen(r->device_id);
	d = fw_idset_get(&core->devices, r->device_id, n);
	child = d ? d->registration : fw_town_device(core->town, r->device_id, n);
	if (!child || strcmp(child->parent, via->id) != 0)
		return NULL;
	if (!d)
		return fw_core_device(core, r->device_id, via->topic_division);
	d->topic_division = via->topic_division;
	return d;
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
			size_t n = fw_text_cut(
			    r->health->firmware, strlen(r->health->firmware), FW_FIRMWARE_MAX);

			d->has_health = true;
			d->battery_percent = (uint8_t)r->health->battery_percent;
			d->signal_dbm = r->health->signal_dbm;
			d->mains_ok = r->health->mains_ok;
			fw_device_set_firmware(core, d, r->health->firmware, n);
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
	action->item = (struct fw_receipt_item){
	    .via = r->via,
	    .device = r->device,
	    .boot_id = r->boot_id,
	    .lane = r->message->lane,
	    .sequence = r->sequence,
	    .duplicate = type == FW_ACT_DUPLICATE,
	};
}

static bool
is_new(struct fw_core *core, const struct fw_report *r)
{
	struct fw_boot *boot =
	    fw_device_boot_make(r->device, r->boot_id, &core->counters.boots_forgotten);

	return fw_seqset_add(&boot->received, r->sequence, r->message->received_at_us);
}

static void
tell_replayed(struct fw_core *core, const struct fw_message *m, const char *outcome)
{
	struct fw_action *action;

	if (!m->replay_id)
		return;
	action = fw_emit(core, FW_ACT_REPLAYED);
	action->u.replayed.quarantine_id = m->replay_id;
	action->u.replayed.outcome = outcome;
}

/* A refused report has been counted as received: taking it in again must not find it a duplicate of
 * itself. */
static bool
is_duplicate(struct fw_core *core, const struct fw_report *r)
{
	bool replayed_alone = r->message->replay_id && r->message->replay_index >= 0;

	if (is_new(core, r) || replayed_alone)
		return false;
	core->counters.duplicates[r->message->lane]++;
	emit_report(core, FW_ACT_DUPLICATE, r);
	tell_replayed(core, r->message, "duplicate");
	return true;
}

static void
accept(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	const struct fw_before before = fw_threshold_before(r->device);
	size_t first_action = core->action_count;
	bool changed = false;

	if (is_duplicate(core, r))
		return;
	core->counters.reports[r->message->lane]++;
	emit_report(core, FW_ACT_REPORT, r);
	tell_replayed(core, r->message, "recorded");
	/* What it says comes first: an incident is to be named after a fire, not after its boot. */
	for (size_t i = 0; i < r->event_count; i++)
		changed |= fw_event_take(core, r->device, r, i, now_us);
	changed |= fw_conduct_report(core, r, now_us);
	note_seen(core, r->device, r);
	changed |= fw_supervise_report(core, r, now_us);
	changed |= fw_threshold_take(core, r, &before, now_us);
	if (changed)
		promote(core, first_action, core->lane);
}

static bool
is_emergency(
    const struct fw_core *core, const struct fw_device *d, const struct fw_event *e, int64_t at_us)
{
	return e->active && e->condition > FW_CONDITION_UNSPECIFIED &&
	       e->condition < FW_CONDITIONS &&
	       fw_class_is_emergency(fw_judge(core, d, e, at_us).class);
}

/* Of a report that is not believed; true: state has changed. */
static bool
raise_emergencies(struct fw_core *core, const struct fw_report *r, int64_t now_us)
{
	struct fw_device *d = r->device ? r->device : r->via;
	bool changed = false;

	for (size_t i = 0; i < r->event_count; i++)
		if (is_emergency(core, d, &r->events[i], r->message->received_at_us))
			changed |= fw_event_take(core, d, r, i, now_us);
	changed |= fw_threshold_take_refused(core, d, r, now_us);
	return changed;
}

static void
quarantine_report(
    struct fw_core *core, const struct fw_report *r, enum fw_reason reason, const char *detail)
{
	struct fw_slice single =
	    fw_encode_single(&core->arena, (struct fw_slice){.bytes = r->body, .len = r->body_len});
	struct fw_action *action =
	    quarantine(core, (struct fw_quarantine){
				 .message = r->message,
				 .index = (int32_t)r->index,
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
		action->item = (struct fw_receipt_item){
		    .via = r->via,
		    .device = r->device,
		    .claimed = r->device ? NULL : fw_strdup(r->device_id),
		    .boot_id = r->boot_id,
		    .lane = r->message->lane,
		    .sequence = r->sequence,
		    .rejected = reason,
		};
}

/* A report that cannot be believed is kept out of the records, but a fire flag in it is a fire, and
   so is a reading over the threshold of one, and so with gas: it is raised for the device, or for
   its sender when the device is what cannot be believed. */
static void
refuse(struct fw_core *core, const struct fw_report *r, enum fw_reason reason, const char *detail,
    int64_t now_us)
{
	size_t first_action = core->action_count;

	if (r->device && r->sequence && is_duplicate(core, r))
		return;
	quarantine_report(core, r, reason, detail);
	if (raise_emergencies(core, r, now_us))
		promote(core, first_action, core->lane);
}

/* Decodes, and judges clock and identity. */
static enum fw_reason
read_report(struct fw_core *core, const struct fw_message *m, struct fw_device *via,
    struct fw_slice body, uint32_t index, struct fw_report *r, const char **detail)
{
	enum fw_reason reason = fw_decode_report(&core->arena, body, r, detail);

	r->message = m;
	r->index = index;
	r->via = via;
	judge_clock(core, r);
	if (reason == FW_REASON_NOT_PROTOBUF || reason == FW_REASON_IDENTITY)
		return reason;
	r->device = identify(core, r, via);
	if (r->device || reason != FW_REASON_NONE)
		return reason;
	*detail = fw_arena_printf(
	    &core->arena, "device_id: %s is not registered under %s", r->device_id, via->id);
	return FW_REASON_IDENTITY;
}

static void
take_report(struct fw_core *core, const struct fw_message *m, struct fw_device *via,
    struct fw_slice body, uint32_t index, int64_t now_us)
{
	struct fw_report *r = fw_arena_alloc(&core->arena, sizeof(*r));
	const char *detail;
	enum fw_reason reason = read_report(core, m, via, body, index, r, &detail);

	core->counters.items[m->lane]++;
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

/* A gateway's children lie anywhere in memory: they are on their way to the cache, all at once,
 * before the first is needed. */
static void
expect_children(const struct fw_core *core, const struct fw_message *m)
{
	const uint8_t *at = m->payload, *end = m->payload + m->payload_len;
	uint64_t hashes[EXPECTED_MOST];
	struct fw_slice body;
	size_t count = 0, n;

	while (count < EXPECTED_MOST && fw_decode_next(&at, end, &body) == FW_OK) {
		const char *id = fw_decode_peek(body, &n);

		if (id)
			hashes[count++] = fw_idset_expect(&core->devices, id, n);
	}
	for (size_t k = 0; k < count; k++)
		fw_idset_fetch(&core->devices, hashes[k]);
}

static void
take_uplink(struct fw_core *core, const struct fw_message *m, struct fw_device *via, int64_t now_us)
{
	const uint8_t *at = m->payload, *end = m->payload + m->payload_len;
	struct fw_slice body;
	uint32_t count = 0;
	int error;

	expect_children(core, m);
	while ((error = fw_decode_next(&at, end, &body)) == FW_OK)
		take_report(core, m, via, body, count++, now_us);
	if (error != FW_EAGAIN)
		quarantine_message(core, m, via->id, FW_REASON_NOT_PROTOBUF,
		    fw_arena_printf(
			&core->arena, "not an Uplink, behind %u reports that are taken in", count));
	else if (count == 0)
		quarantine_message(
		    core, m, via->id, FW_REASON_NOT_PROTOBUF, "an Uplink without a report");
}

/* What was cut is kept as it is; only the emergencies in the part that came are heard. */
static void
take_cut_message(
    struct fw_core *core, const struct fw_message *m, struct fw_device *via, int64_t now_us)
{
	const uint8_t *at = m->payload, *end = m->payload + m->payload_len;
	size_t first_action = core->action_count;
	struct fw_slice body;
	bool changed = false;

	quarantine_message(core, m, via->id, FW_REASON_OVERSIZE,
	    fw_arena_printf(&core->arena, "%llu bytes, of which the first %zu are kept",
		(unsigned long long)m->original_len, m->payload_len));
	for (uint32_t index = 0; fw_decode_next(&at, end, &body) == FW_OK; index++) {
		struct fw_report *r = fw_arena_alloc(&core->arena, sizeof(*r));
		const char *detail;

		if (read_report(core, m, via, body, index, r, &detail) != FW_REASON_NOT_PROTOBUF)
			changed |= raise_emergencies(core, r, now_us);
	}
	if (changed)
		promote(core, first_action, core->lane);
}

struct fw_actions
fw_core_message(struct fw_core *core, const struct fw_message *m, int64_t now_us)
{
	struct fw_topic topic;
	struct fw_device *via;

	fw_core_begin(core);
	fw_core_now(core, now_us);
	core->lane = m->replay_id ? FW_LANE_ALARM : m->lane;
	fw_core_pass(core, m->received_at_us < now_us ? m->received_at_us : now_us, now_us);
	core->counters.messages[m->lane]++;
	core->counters.replays[m->lane] += m->replay_id != NULL;
	if (fw_decode_topic(m->topic, m->topic_len, &topic) != FW_OK) {
		quarantine_message(core, m, "-", FW_REASON_TOPIC,
		    "not fire/v1/{division}/{device}/alarm or telemetry");
		return fw_core_end(core);
	}
	via = fw_core_device(core, topic.device, topic.division);
	register_unknown(core, via);
	if (m->original_len > m->payload_len)
		take_cut_message(core, m, via, now_us);
	else
		take_uplink(core, m, via, now_us);
	fw_escalate_tick(core, now_us);
	return fw_core_end(core);
}
