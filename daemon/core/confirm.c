/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How sure it is that a fire is real.  Two independent detectors of one zone within
 * rules.confirm_within_s confirm it, or a detector and a person's hand or flowing water; alone of
 * high confidence are a hand, water that flows, a detector that alarms again after a reset, and one
 * beside which a pump starts or another pre-alarms.  What is raised in a test window is no word of
 * its own: two of them confirm nothing.  It is a level: no first page waits for it.
 */
#include <stdio.h>
#include <string.h>

#include "core/state.h"

/* Point 0 is the device itself and follows its own points; a panel's points are detectors of their
 * own. */
static bool
are_independent(const struct fw_alarm *a, const struct fw_alarm *b)
{
	if (a->device != b->device)
		return true;
	return a->point != b->point && a->point != 0 && b->point != 0;
}

static bool
is_near(const struct fw_core *core, const struct fw_alarm *a, const struct fw_alarm *b)
{
	int64_t apart = a->last_seen_us - b->last_seen_us;

	return strcmp(a->zone, b->zone) == 0 && apart <= core->rules.confirm_within_us &&
	       -apart <= core->rules.confirm_within_us;
}

/* A fire speaks for another one after it was restored too, what only supports one while it is
 * raised: nothing else of what is over is read again after a start. */
static bool
speaks(const struct fw_alarm *a, enum fw_weight least)
{
	return a->weight >= least && (a->class == FW_CLASS_FIRE || !a->restored_at_us);
}

/* Some other one weighs so much, wherever it is: so that a panel with thousands of points is not
 * looked through for each of them. */
static bool
may_have_second(const struct fw_incident *i, const struct fw_alarm *a, enum fw_weight least)
{
	uint32_t others = 0;

	for (int weight = (int)least; weight < FW_WEIGHTS; weight++)
		others +=
		    i->weighing[weight][false] + (a->windowed ? 0 : i->weighing[weight][true]);
	return others > (a->counted_weight >= least && !(a->windowed && a->counted_windowed));
}

/* Another one of the zone that weighs at least so much. */
static const struct fw_alarm *
find_second(const struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a,
    enum fw_weight least)
{
	if (!may_have_second(i, a, least))
		return NULL;
	for (const struct fw_alarm *b = i->alarms; b; b = b->incident_next)
		if (b != a && speaks(b, least) && !(a->windowed && b->windowed) &&
		    are_independent(a, b) && is_near(core, a, b))
			return b;
	return NULL;
}

static void
confirm(struct fw_core *core, struct fw_incident *i, const struct fw_alarm *a,
    const struct fw_alarm *b, int64_t now_us)
{
	i->confirmed_at_us = a->last_seen_us;
	i->confidence = FW_CONFIDENCE_CONFIRMED;
	fw_incident_mark(core, i);
	fw_timeline(core, i, now_us, "confirmed", "confirmed", a->device->id,
	    "%s point %u and %s point %u report fire in zone \"%s\"", a->device->id, a->point,
	    b->device->id, b->point, a->zone);
	fw_escalate_all(core, i, now_us);
}

/* It was reset a moment ago, and says it again. */
static bool
is_back_after_reset(const struct fw_core *core, const struct fw_alarm *a)
{
	const struct fw_alarm *before = fw_alarm_restored(core, a->device, a->point, a->class);

	return before && before->was_reset && before->incident == a->incident &&
	       a->received_at_us - before->last_seen_us <= core->rules.confirm_within_us;
}

/* Why it is more than a single detector's word, in words, in the arena; NULL: it is not. */
static const char *
reason_for_high(struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a)
{
	const struct fw_alarm *b = NULL;

	if (a->weight == FW_WEIGHT_STRONG)
		return "is seldom wrong alone";
	if (a->weight == FW_WEIGHT_DETECTOR && is_back_after_reset(core, a))
		return "alarms again after a reset";
	if (a->weight == FW_WEIGHT_DETECTOR)
		b = find_second(core, i, a, FW_WEIGHT_SUPPORTS);
	else if (a->weight == FW_WEIGHT_SUPPORTS)
		b = find_second(core, i, a, FW_WEIGHT_DETECTOR);
	return b ? fw_arena_printf(&core->arena, "and %s point %u of its zone, where %s",
		       b->device->id, b->point, b->reason)
		 : NULL;
}

static void
note_high(struct fw_core *core, struct fw_incident *i, const struct fw_alarm *a, int64_t now_us)
{
	const char *why = a->windowed ? NULL : reason_for_high(core, i, a);

	if (!why)
		return;
	i->confidence = FW_CONFIDENCE_HIGH;
	fw_incident_mark(core, i);
	fw_timeline(core, i, now_us, "high_confidence", "high_confidence", a->device->id,
	    "high confidence: %s point %u %s", a->device->id, a->point, why);
}

void
fw_incident_confirm(struct fw_core *core, const struct fw_alarm *a, int64_t now_us)
{
	struct fw_incident *i = a->incident;
	const struct fw_alarm *b = NULL;

	if (a->weight == FW_WEIGHT_NONE || i->confirmed_at_us || i->closed || !*i->site)
		return;
	if (a->weight >= FW_WEIGHT_DETECTOR)
		b = find_second(core, i, a, FW_WEIGHT_DETECTOR);
	if (b)
		confirm(core, i, a, b, now_us);
	else if (i->confidence == FW_CONFIDENCE_SINGLE)
		note_high(core, i, a, now_us);
}
