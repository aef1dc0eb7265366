/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many devices of one division that lose their power, or fall silent, within a short time: one
 * incident of the division with all of them as members, instead of one for each site.  What is
 * counted are raised alarms; a site's incident that is nothing but such alarms, and unanswered, is
 * merged into the area's.  No other class is touched: a fire has its site's incident, as ever.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define SHARE_LEAST 3        /* devices that a share must be at least */
#define JOIN_US (600 * FW_S) /* behind the last member others still join */
#define LISTED_MOST 20       /* members that the timeline names; then it counts */
#define POWER_WITHIN_US (60 * FW_S)
#define SILENCE_WITHIN_US (600 * FW_S)

static const struct subject {
	enum fw_class class;
	unsigned bit;
	int64_t within_us; /* in which rules.area_devices must be reached */
	bool lasts;        /* a share of the division's devices may take any time to be reached */
	const char *what, *devices;
} subjects[] = {
    {FW_CLASS_POWER, FW_CONDITION_MAINS_LOST, POWER_WITHIN_US, false, "without mains",
	"mains devices"},
    {FW_CLASS_OFFLINE, FW_FINDING_OFFLINE, SILENCE_WITHIN_US, true, "silent", "supervised devices"},
};

struct fw_area {
	const struct subject *subject;
	const char *key; /* of its incident */
	const char *division;
	struct fw_alarm *first, *last; /* raised, and not in its incident; by time */
	uint32_t count;                /* devices of them: those whose area_counts */
	int64_t last_member_us;
};

static const struct subject *
subject_of(enum fw_class class, uint64_t bits)
{
	for (size_t k = 0; k < sizeof(subjects) / sizeof(subjects[0]); k++)
		if (class == subjects[k].class && bits >> subjects[k].bit & 1)
			return &subjects[k];
	return NULL;
}

/* What an alarm of these bits may be part of, made when it is the first; NULL: nothing. */
static struct fw_area *
area_of(struct fw_core *core, const struct fw_alarm *a, uint64_t bits)
{
	const struct subject *s = subject_of(a->class, bits);
	const struct fw_site *site = fw_device_site(a->device);
	struct fw_area *area;
	char key[64];
	size_t n;

	if (!s || !site)
		return NULL;
	n = (size_t)snprintf(
	    key, sizeof(key), "area:%.32s:%s", site->division->code, fw_class_name(s->class));
	area = fw_strmap_get(&core->areas, key, n);
	if (area)
		return area;
	area = fw_arena_alloc(&core->lasting, sizeof(*area));
	*area = (struct fw_area){.subject = s,
	    .key = fw_arena_text(&core->lasting, key, n),
	    .division =
		fw_arena_text(&core->lasting, site->division->code, strlen(site->division->code))};
	fw_strmap_put(&core->areas, area->key, n, area);
	return area;
}

/* ---------------------------------------------------------------- counting */

/* Others only go with them. */
static bool
may_count(const struct fw_area *area, const struct fw_alarm *a)
{
	return area->subject->class != FW_CLASS_POWER ||
	       a->device->registration->profile->kind->mains;
}

static struct fw_alarm *
other_of_device(const struct fw_area *area, const struct fw_alarm *a)
{
	for (struct fw_alarm *b = a->device->alarms; b; b = b->device_next)
		if (b != a && b->area == area)
			return b;
	return NULL;
}

static void
count_in(struct fw_area *area, struct fw_alarm *a, int64_t at_us)
{
	a->area_counts = may_count(area, a) && !other_of_device(area, a);
	area->count += a->area_counts;
	a->area = area;
	a->area_at_us = at_us;
	a->area_prev = area->last;
	a->area_next = NULL;
	if (area->last)
		area->last->area_next = a;
	else
		area->first = a;
	area->last = a;
}

void
fw_area_forget(struct fw_alarm *a)
{
	struct fw_area *area = a->area;
	struct fw_alarm *heir;

	if (!area)
		return;
	if (a->area_next)
		a->area_next->area_prev = a->area_prev;
	else
		area->last = a->area_prev;
	if (a->area_prev)
		a->area_prev->area_next = a->area_next;
	else
		area->first = a->area_next;
	a->area = NULL;
	if (!a->area_counts)
		return;
	heir = other_of_device(area, a);
	if (heir)
		heir->area_counts = true;
	else
		area->count--;
}

/* Earlier, or of a time to come: the clock was set back. */
static bool
is_far(int64_t a_us, int64_t b_us, int64_t within_us)
{
	return a_us - b_us > within_us || b_us - a_us > within_us;
}

static void
forget_old(struct fw_area *area, int64_t now_us)
{
	while (!area->subject->lasts && area->first &&
	       is_far(area->first->area_at_us, now_us, area->subject->within_us))
		fw_area_forget(area->first);
}

static uint32_t
count_lately(const struct fw_area *area, int64_t now_us, uint32_t most)
{
	uint32_t n = 0;

	for (const struct fw_alarm *a = area->last; a && n < most; a = a->area_prev)
		n += a->area_counts && a->area_at_us >= now_us - area->subject->within_us;
	return n;
}

static uint32_t
devices_of(const struct fw_core *core, const struct fw_area *area)
{
	const struct fw_division *d = fw_town_division(core->town, area->division);

	if (!d)
		return 0;
	return area->subject->class == FW_CLASS_POWER ? d->mains_devices : d->supervised_devices;
}

static bool
is_enough(const struct fw_core *core, const struct fw_area *area, int64_t now_us)
{
	uint64_t share =
	    ((uint64_t)devices_of(core, area) * core->rules.area_share_percent + 99) / 100;

	if (area->count >= (share > SHARE_LEAST ? share : SHARE_LEAST) && share > 0)
		return true;
	return core->rules.area_devices > 0 && area->count >= core->rules.area_devices &&
	       count_lately(area, now_us, core->rules.area_devices) >= core->rules.area_devices;
}

/* ---------------------------------------------------------------- members */

static struct fw_incident *
incident_of(const struct fw_core *core, const struct fw_area *area)
{
	return fw_strmap_get(&core->open_incidents, area->key, strlen(area->key));
}

/* The first ones by name, then how many they are, each time they have doubled. */
static void
tell_member(
    struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a, int64_t now_us)
{
	char key[FW_ID_MAX + 16];
	uint32_t times = i->alarm_count / LISTED_MOST;

	if (i->alarm_count <= LISTED_MOST) {
		snprintf(key, sizeof(key), "alarm:%s", a->id);
		fw_timeline(core, i, now_us, key, "alarm", a->device->id, "%s at point %u: %s",
		    fw_class_name(a->class), a->point, a->reason);
	}
	if (i->alarm_count % LISTED_MOST != 0 || (times & (times - 1)) != 0)
		return;
	snprintf(key, sizeof(key), "members:%u", i->alarm_count);
	fw_timeline(core, i, now_us, key, "members", "firewatchd",
	    "%u alarms; further ones are counted, not listed", i->alarm_count);
}

static void
join(struct fw_core *core, struct fw_incident *i, struct fw_alarm *a, int64_t now_us)
{
	if (i->linked_alarms > i->prune_above)
		fw_incident_prune(core, i, INT64_MAX);
	fw_alarm_link(i, a);
	i->alarm_count++;
	if (a->severity < i->severity)
		i->severity = a->severity;
	fw_incident_mark(core, i);
	fw_alarm_mark(core, a);
	tell_member(core, i, a, now_us);
}

/* ---------------------------------------------------------------- merging */

/* It is nothing but what is counted here, and nobody has said anything of it. */
static bool
may_merge(const struct fw_area *area, const struct fw_incident *i, int64_t now_us)
{
	if (i->area || i->closed || i->acknowledged_trigger > 0 || i->verdict != FW_VERDICT_NONE ||
	    i->class != area->subject->class)
		return false;
	if (!area->subject->lasts && i->opened_at_us < now_us - area->subject->within_us)
		return false;
	for (const struct fw_alarm *a = i->alarms; a; a = a->incident_next)
		if (!a->restored_at_us &&
		    (a->windowed || subject_of(a->class, a->conditions) != area->subject))
			return false;
	return true;
}

static void
merge(struct fw_core *core, struct fw_incident *from, struct fw_incident *i, int64_t now_us)
{
	struct fw_alarm *next;
	char key[FW_ID_MAX + 16];

	for (struct fw_alarm *a = from->alarms; a; a = next) {
		next = a->incident_next;
		if (a->restored_at_us)
			continue;
		fw_area_forget(a);
		fw_alarm_unlink(a);
		join(core, i, a, now_us);
	}
	fw_timeline(core, from, now_us, "merged", "merged", "firewatchd", "is part of %s", i->id);
	snprintf(key, sizeof(key), "merged:%s", from->id);
	if (++i->merged_count <= LISTED_MOST)
		fw_timeline(core, i, now_us, key, "merged", "firewatchd", "%s of %s is part of it",
		    from->id, *from->site ? from->site : from->device);
	fw_incident_merged(core, from, i->id, now_us);
}

/* An incident of the site that is worse keeps what comes to it. */
static bool
stays_at_site(struct fw_core *core, const struct fw_area *area, const struct fw_alarm *a)
{
	const char *key = fw_incident_key(core, a->device);
	const struct fw_incident *i = fw_strmap_get(&core->open_incidents, key, strlen(key));

	return a->incident || (i && i->class < area->subject->class);
}

/* All that are counted: into the incident where they may be. */
static void
gather(struct fw_core *core, struct fw_area *area, struct fw_incident *i, int64_t at_us,
    int64_t now_us)
{
	while (area->first) {
		struct fw_alarm *a = area->first;

		if (a->incident && may_merge(area, a->incident, at_us))
			merge(core, a->incident, i, now_us);
		else
			fw_area_forget(a);
	}
}

/* Whose alarm the incident begins with: this one unless it stays at its site; NULL: all stay.  One
 * that has its site's incident already comes with that, like all the others. */
static struct fw_alarm *
find_member(struct fw_core *core, struct fw_area *area, struct fw_alarm *a, int64_t at_us)
{
	if (!stays_at_site(core, area, a))
		return a;
	for (struct fw_alarm *b = area->first; b; b = b->area_next)
		if (b->incident && may_merge(area, b->incident, at_us))
			return b;
	return NULL;
}

static struct fw_incident *
open_incident(struct fw_core *core, const struct fw_area *area, const struct fw_alarm *a,
    const struct fw_cause *c, int64_t now_us)
{
	const struct fw_division *d = fw_town_division(core->town, area->division);
	const char *id = fw_arena_printf(&core->arena, "area~%s~%s~%s", area->division,
	    fw_class_name(area->subject->class), c->name);
	struct fw_incident *i = fw_incident_new(core, id, area->key, area->division, "", a, c);

	i->area = true;
	fw_timeline(core, i, now_us, "opened", "opened", a->device->id,
	    "%s: %u of %u %s of %s are %s", fw_class_name(a->class), area->count,
	    devices_of(core, area), area->subject->devices, d ? d->name : area->division,
	    area->subject->what);
	return i;
}

/* There are enough of them.  True: `a` is in the incident. */
static bool
begin(struct fw_core *core, struct fw_area *area, struct fw_alarm *a, const struct fw_cause *c,
    int64_t now_us)
{
	struct fw_alarm *member = find_member(core, area, a, c->received_at_us);
	struct fw_incident *i = incident_of(core, area);
	bool fresh = member == a && !a->incident;
	const char *text = fw_arena_printf(&core->arena, "%u/%u %s %s", area->count,
	    devices_of(core, area), area->subject->devices, area->subject->what);

	if (!member)
		return false;
	if (!i)
		i = open_incident(core, area, a, c, now_us);
	if (fresh)
		fw_area_forget(a);
	gather(core, area, i, c->received_at_us, now_us);
	area->last_member_us = c->received_at_us;
	if (fresh)
		join(core, i, a, now_us);
	fw_incident_call_area(core, member, text, now_us);
	return a->incident == i;
}

bool
fw_area_take(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us)
{
	struct fw_area *area = area_of(core, a, UINT64_C(1) << c->bit);
	struct fw_incident *i = area ? incident_of(core, area) : NULL;

	if (!area || a->area || a->windowed)
		return false;
	if (i && !is_far(c->received_at_us, area->last_member_us, JOIN_US)) {
		if (c->received_at_us > area->last_member_us)
			area->last_member_us = c->received_at_us;
		if (stays_at_site(core, area, a))
			return false;
		join(core, i, a, now_us);
		return true;
	}
	count_in(area, a, c->received_at_us);
	forget_old(area, c->received_at_us);
	return is_enough(core, area, c->received_at_us) && begin(core, area, a, c, now_us);
}

void
fw_area_restored(struct fw_core *core, const struct fw_incident *i, int64_t now_us)
{
	char key[48];

	if (i->raised_alarms > 0)
		return;
	/* Others may join, and be restored, without a trigger. */
	snprintf(key, sizeof(key), "all_restored:%u:%u", i->trigger_count, i->alarm_count);
	fw_timeline(core, i, now_us, key, "restored", "firewatchd", "all %u alarms are restored",
	    i->alarm_count);
}

void
fw_area_load(struct fw_core *core, struct fw_alarm *a)
{
	struct fw_area *area = a->restored_at_us ? NULL : area_of(core, a, a->conditions);

	if (!area || a->windowed)
		return;
	if (!a->incident->area) {
		count_in(area, a, a->received_at_us);
		forget_old(area, a->received_at_us);
	} else if (a->received_at_us > area->last_member_us) {
		area->last_member_us = a->received_at_us;
	}
}
