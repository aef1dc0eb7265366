/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A threshold that was passed -> cause, now or when it has lasted.  Which of a device's thresholds
 * that is, threshold.c says; here is what it means: of which class it is today, what it is called,
 * and that it is raised though nothing more comes.
 */
#include "core/watched.h"

#include <math.h>

/* Those of a quantity: the first, and how many. */
size_t
fw_slots_of(const struct fw_profile *p, int32_t quantity, const struct fw_threshold *const **first)
{
	size_t at = 0, count = 0;

	while (at < p->threshold_count && p->thresholds[at]->quantity < quantity)
		at++;
	*first = p->thresholds + at;
	while (at + count < p->threshold_count && p->thresholds[at + count]->quantity == quantity &&
	       count < FW_SLOTS_MOST)
		count++;
	return count;
}

unsigned
fw_slot_bit(const struct fw_threshold *t)
{
	return t->window_us ? FW_BIT_OF_CHANGE((unsigned)t->quantity)
			    : FW_BIT_OF_VALUE((unsigned)t->quantity);
}

/* Where the protection level treats a pre-alarm as an alarm, it is of the class of the alarm that
 * the same quantity can raise; without one it stays what it is. */
enum fw_class
fw_slot_class(
    struct fw_core *core, const struct fw_device *d, const struct fw_threshold *t, int64_t at_us)
{
	const struct fw_threshold *const *slots;
	enum fw_class class = t->class;
	size_t count;

	if (class != FW_CLASS_PRE_ALARM ||
	    !fw_town_level_rules(core->town, fw_core_level(core, d, at_us))->pre_alarm_is_alarm)
		return class;
	count = fw_slots_of(fw_core_profile(core, d), t->quantity, &slots);
	for (size_t k = 0; k < count; k++)
		if (slots[k]->below == t->below && slots[k]->class < class)
			class = slots[k]->class;
	return class;
}

struct fw_alarm *
fw_slot_alarm(const struct fw_core *core, const struct fw_device *d, uint32_t point,
    enum fw_class class, const struct fw_threshold *t)
{
	struct fw_alarm *a = d->alarms ? fw_alarm_raised(core, d, point, class) : NULL;

	return a && fw_alarm_held_by(a, fw_slot_bit(t)) ? a : NULL;
}

bool
fw_slot_is_over(const struct fw_threshold *t, double x)
{
	return t->below ? x <= t->raise : x >= t->raise;
}

/* ---------------------------------------------------------------- causes */

struct fw_pending
fw_slot_first(struct fw_core *core, struct fw_device *d, const struct fw_report *r, double value)
{
	const struct fw_cause c = fw_cause_of_report(core, d, r);

	return (struct fw_pending){
	    .name = (char *)(uintptr_t)c.name,
	    .value = value,
	    .observed_at_us = c.observed_at_us,
	    .received_at_us = c.received_at_us,
	    .sequence = c.sequence,
	    .boot_id = c.boot_id,
	    .mode = c.mode,
	    .backfill = c.backfill,
	};
}

/* As the pending's first report has it. */
struct fw_cause
fw_slot_cause(struct fw_core *core, struct fw_device *d, uint32_t point,
    const struct fw_threshold *t, const struct fw_pending *first, int64_t at_us)
{
	enum fw_class class = fw_slot_class(core, d, t, at_us);
	const char *rule = fw_measure_rule(&core->arena, t);

	if (class != t->class)
		rule = fw_arena_printf(&core->arena, "%s, as an alarm at protection level %s", rule,
		    fw_level_name(fw_core_level(core, d, at_us)));
	return (struct fw_cause){
	    .device = d,
	    .point = point,
	    .bit = fw_slot_bit(t),
	    .judgement = {.meaning = FW_MEANING_ALARM,
		.class = class,
		.severity = fw_class_severity(class),
		.weight = class == FW_CLASS_FIRE ? FW_WEIGHT_DETECTOR : FW_WEIGHT_NONE,
		.reason = t->reason,
		.source = t->source,
		.rule = rule},
	    .name = fw_arena_printf(&core->arena, "%s", first->name),
	    .id = fw_arena_printf(&core->arena, point ? "%s~q%d.%s%s.p%u" : "%s~q%d.%s%s",
		first->name, t->quantity, fw_class_name(class), t->window_us ? ".change" : "",
		point),
	    .text = "",
	    .data = fw_measure_over(&core->arena, t, first->value, first->change),
	    .mode = first->mode,
	    .backfill = first->backfill,
	    .boot_id = first->boot_id,
	    .sequence = first->sequence,
	    .observed_at_us = first->observed_at_us,
	    .received_at_us = first->received_at_us,
	};
}

void
fw_slot_end(struct fw_core *core, const struct fw_cause *c, int64_t now_us)
{
	fw_alarm_restore_class(core, c, "a later reading was back already", now_us);
}

/* It has lasted, as of received_us at the latest. */
void
fw_slot_fire(struct fw_core *core, struct fw_watched *w, const struct fw_threshold *t,
    int64_t received_us, int64_t now_us)
{
	const struct fw_pending *p = w->pending;
	int64_t at_us = p->due_at_us < received_us ? p->due_at_us : received_us;
	struct fw_cause c = fw_slot_cause(core, w->device, w->key.point, t, p, at_us);
	bool raised = fw_slot_alarm(core, w->device, c.point, c.judgement.class, t);

	c.received_at_us = at_us;
	/* What the report itself has opened may be closed by now, under the report's name. */
	c.name = c.id;
	if (!raised || !p->past)
		fw_alarm_raise(core, &c, now_us);
	if (!raised && p->past)
		fw_slot_end(core, &c, now_us);
	fw_watched_end(core, w, "raised");
}

/* ---------------------------------------------------------------- of a refused report */

/* At once, whatever its delay: the next report may be refused too. */
static bool
raise_emergency(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    const struct fw_reading *reading, const struct fw_threshold *t, int64_t now_us)
{
	struct fw_pending first;
	struct fw_cause c;

	if (t->window_us ||
	    !fw_class_is_emergency(fw_slot_class(core, d, t, r->message->received_at_us)) ||
	    !fw_slot_is_over(t, reading->value))
		return false;
	first = fw_slot_first(core, d, r, reading->value);
	c = fw_slot_cause(core, d, reading->point, t, &first, first.received_at_us);
	c.data = fw_arena_printf(&core->arena, "%s; in a report that was refused", c.data);
	fw_alarm_raise(core, &c, now_us);
	return true;
}

bool
fw_threshold_take_refused(
    struct fw_core *core, struct fw_device *d, const struct fw_report *r, int64_t now_us)
{
	const struct fw_profile *profile = fw_core_profile(core, d);
	const struct fw_threshold *const *slots;
	bool changed = false;

	for (size_t n = 0; n < r->reading_count && profile->quantities; n++) {
		const struct fw_reading *reading = &r->readings[n];
		size_t count;

		if (reading->quantity <= 0 || reading->quantity >= FW_WIRE_QUANTITIES ||
		    !isfinite(reading->value))
			continue;
		count = fw_slots_of(profile, reading->quantity, &slots);
		for (size_t k = 0; k < count; k++)
			changed |= raise_emergency(core, d, r, reading, slots[k], now_us);
	}
	return changed;
}

/* ---------------------------------------------------------------- what has lasted */

static const struct fw_threshold *
threshold_of(const struct fw_core *core, const struct fw_watched *w)
{
	const struct fw_threshold *const *slots;
	size_t count = fw_slots_of(fw_core_profile(core, w->device), w->key.quantity, &slots);

	for (size_t k = 0; k < count; k++)
		if ((uint8_t)slots[k]->class == w->key.class && slots[k]->below == w->key.below &&
		    (slots[k]->window_us != 0) == w->key.is_change)
			return slots[k];
	return NULL;
}

void
fw_threshold_upto(struct fw_core *core, int64_t at_us, int64_t now_us)
{
	struct fw_pending *p;

	while ((p = (struct fw_pending *)fw_deadlines_pop(&core->watches_due, at_us))) {
		struct fw_watched *w = p->watch;
		const struct fw_threshold *t = threshold_of(core, w);

		if (t)
			fw_slot_fire(core, w, t, now_us, now_us);
		else
			fw_watched_end(core, w, "dropped");
		if (!t || (!w->rate && !w->last.known))
			fw_watched_free(core, w);
	}
}

void
fw_threshold_renew(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&core->watches, &cursor, &value)) {
		struct fw_watched *w = value;

		if (!w->pending && !threshold_of(core, w))
			fw_watched_free(core, w);
	}
}
