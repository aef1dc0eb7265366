/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives its limit, or comes back too often, is a hazard: an alarm that is raised for longer
 * than the limit of its class, kind and category; a site or a detector with too many false alarms.
 * Found again after a restart it is the same one, with the same time, and its row stays as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define DEADLINE_US (7 * FW_DAY) /* where no limit says otherwise */

/* The most particular limit of the class. */
static const struct fw_hazard_limit *
find_limit(const struct fw_profile *p, enum fw_class class)
{
	for (uint32_t k = 0; k < p->limit_count; k++)
		if (p->limits[k]->class == class)
			return p->limits[k];
	return NULL;
}

/* Whoever is on duty for it now; "" nobody. */
static const char *
responsible(const struct fw_core *core, const char *site, const char *division, const char *role,
    int64_t at_us)
{
	const struct fw_division *where;
	const struct fw_person *person;

	return *role && fw_town_on_duty(core->town, site,
			    fw_town_division_near(core->town, division), role, at_us, &person, 1,
			    &where)
		   ? person->id
		   : "";
}

static void
emit(struct fw_core *core, const struct fw_hazard *h)
{
	struct fw_hazard *copy = fw_arena_alloc(&core->arena, sizeof(*copy));

	*copy = *h;
	core->counters.hazards++;
	fw_emit(core, FW_ACT_HAZARD)->u.hazard = copy;
}

/* ---------------------------------------------------------------- what lasts too long */

void
fw_hazard_arm(struct fw_core *core, struct fw_alarm *a)
{
	const struct fw_hazard_limit *limit =
	    find_limit(fw_core_profile(core, a->device), a->class);

	if (a->is_hazard || a->restored_at_us || a->held_back || !limit)
		fw_deadline_cancel(&core->hazards_due, &a->hazard_due);
	else
		fw_deadline_set(
		    &core->hazards_due, &a->hazard_due, a->received_at_us + limit->limit_us);
}

void
fw_hazard_arm_all(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&core->raised, &cursor, &value))
		fw_hazard_arm(core, value);
}

static void
outlive(struct fw_core *core, struct fw_alarm *a, int64_t now_us)
{
	const struct fw_hazard_limit *limit =
	    find_limit(fw_core_profile(core, a->device), a->class);
	const struct fw_incident *i = a->incident;
	const char *site = fw_alarm_site(a);
	int64_t found_us;

	if (!limit)
		return;
	a->is_hazard = true;
	found_us = a->received_at_us + limit->limit_us;
	emit(core, &(struct fw_hazard){
		       .id = fw_arena_printf(&core->arena, "%s~%u~%s", a->device->id, a->point,
			   fw_class_name(a->class)),
		       .division = i->division,
		       .site = site,
		       .device = a->device->id,
		       .class = fw_class_name(a->class),
		       .kind = "lasting",
		       .major = limit->major,
		       .person = responsible(core, site, i->division, limit->role, now_us),
		       .reason = fw_arena_printf(&core->arena,
			   "%s at point %u for more than %s: %s", fw_class_name(a->class), a->point,
			   fw_duration_text(core, limit->limit_us), a->reason),
		       .alarm = a->id,
		       .found_at_us = found_us,
		       .deadline_at_us = found_us + limit->deadline_us,
		   });
}

void
fw_hazard_restored(struct fw_core *core, struct fw_alarm *a, int64_t now_us)
{
	const struct fw_hazard_limit *limit =
	    find_limit(fw_core_profile(core, a->device), a->class);

	fw_deadline_cancel(&core->hazards_due, &a->hazard_due);
	if (limit && !a->is_hazard && a->received_at_us + limit->limit_us <= a->restored_at_us)
		outlive(core, a, now_us);
}

/* ---------------------------------------------------------------- what is wrong too often */

struct fw_false_alarms {
	char *key; /* "site:" or "device:" and the id */
	char *division, *site, *device;
	bool of_site;
	int64_t *times; /* sorted */
	size_t count, cap;
};

/* More than five a day of a site; three in thirty days of a detector. */
static const struct {
	size_t count;
	int64_t within_us;
	const char *words;
} too_many[] = {
    {3, 30 * FW_DAY, "3 false alarms of the detector within 30 days"},
    {6, FW_DAY, "more than 5 false alarms of the site within a day"},
};

void
fw_false_alarms_free(struct fw_false_alarms *f)
{
	free(f->key);
	free(f->division);
	free(f->site);
	free(f->device);
	free(f->times);
	free(f);
}

static struct fw_false_alarms *
false_alarms_of(
    struct fw_core *core, bool of_site, const char *division, const char *site, const char *device)
{
	const char *key = fw_arena_printf(
	    &core->arena, "%s:%s", of_site ? "site" : "device", of_site ? site : device);
	struct fw_false_alarms *f = fw_strmap_get(&core->false_alarms, key, strlen(key));

	if (f)
		return f;
	f = fw_calloc(1, sizeof(*f));
	f->key = fw_strdup(key);
	f->of_site = of_site;
	f->division = fw_strdup(division);
	f->site = fw_strdup(site);
	f->device = fw_strdup(device);
	fw_strmap_put(&core->false_alarms, f->key, strlen(f->key), f);
	return f;
}

/* Where it stands or belongs. */
static size_t
place_of(const struct fw_false_alarms *f, int64_t at_us)
{
	size_t k = 0;

	while (k < f->count && f->times[k] < at_us)
		k++;
	return k;
}

static void
add_time(struct fw_false_alarms *f, int64_t at_us)
{
	size_t k = place_of(f, at_us);

	f->times = fw_grow(f->times, &f->cap, f->count + 1, sizeof(*f->times));
	memmove(&f->times[k + 1], &f->times[k], (f->count - k) * sizeof(*f->times));
	f->times[k] = at_us;
	f->count++;
}

static void
remove_times(struct fw_false_alarms *f, size_t from, size_t count)
{
	memmove(&f->times[from], &f->times[from + count],
	    (f->count - from - count) * sizeof(*f->times));
	f->count -= count;
}

/* Those that can make nothing full any more. */
static void
forget_old(struct fw_false_alarms *f)
{
	size_t old = place_of(f, f->times[f->count - 1] - too_many[f->of_site].within_us + 1);

	remove_times(f, 0, old);
}

static void
note_too_many(struct fw_core *core, const struct fw_false_alarms *f, int64_t now_us)
{
	const struct fw_registration *r = fw_town_device(core->town, f->device, strlen(f->device));
	const struct fw_hazard_limit *limit =
	    find_limit(r ? r->profile : fw_town_stranger(core->town), FW_CLASS_FAULT);
	int64_t found_us = f->times[f->count - 1];

	emit(core,
	    &(struct fw_hazard){
		.id = fw_arena_printf(&core->arena, "%s~false_alarms", f->key),
		.division = f->division,
		.site = f->site,
		.device = f->of_site ? "" : f->device,
		.class = "",
		.kind = "false_alarms",
		.major = false,
		.person = responsible(core, f->site, f->division, limit ? limit->role : "", now_us),
		.reason = too_many[f->of_site].words,
		.alarm = "",
		.found_at_us = found_us,
		.deadline_at_us = found_us + (limit ? limit->deadline_us : DEADLINE_US),
	    });
}

static void
count_false(struct fw_core *core, struct fw_false_alarms *f, int64_t at_us, int64_t now_us)
{
	add_time(f, at_us);
	forget_old(f);
	if (f->count >= too_many[f->of_site].count)
		note_too_many(core, f, now_us);
}

static void
uncount_false(struct fw_false_alarms *f, int64_t at_us)
{
	size_t k = place_of(f, at_us);

	if (k < f->count && f->times[k] == at_us)
		remove_times(f, k, 1);
}

void
fw_hazard_verdict(
    struct fw_core *core, const struct fw_incident *i, enum fw_verdict verdict, int64_t now_us)
{
	bool is_false = verdict == FW_VERDICT_FALSE_ALARM;

	if (is_false == (i->verdict == FW_VERDICT_FALSE_ALARM))
		return;
	for (int of_site = 0; of_site <= (*i->site != '\0'); of_site++) {
		struct fw_false_alarms *f =
		    false_alarms_of(core, of_site, i->division, i->site, i->device);

		if (is_false)
			count_false(core, f, i->opened_at_us, now_us);
		else
			uncount_false(f, i->opened_at_us);
	}
}

void
fw_core_load_false_alarm(struct fw_core *core, const char *division, const char *site,
    const char *device, int64_t opened_at_us)
{
	for (int of_site = 0; of_site <= (*site != '\0'); of_site++) {
		struct fw_false_alarms *f = false_alarms_of(core, of_site, division, site, device);

		add_time(f, opened_at_us);
		forget_old(f);
	}
	core->false_alarms_unchecked = true;
}

/* An earlier run may have died between the verdict and the hazard. */
void
fw_hazard_check_loaded(struct fw_core *core, int64_t now_us)
{
	size_t cursor = 0;
	void *value;

	if (!core->false_alarms_unchecked)
		return;
	core->false_alarms_unchecked = false;
	while (fw_strmap_next(&core->false_alarms, &cursor, &value)) {
		const struct fw_false_alarms *f = value;

		if (f->count >= too_many[f->of_site].count)
			note_too_many(core, f, now_us);
	}
}

void
fw_hazard_tick(struct fw_core *core, int64_t now_us)
{
	struct fw_deadline *d;

	while ((d = fw_deadlines_pop(&core->hazards_due, now_us)))
		outlive(core, (struct fw_alarm *)d, now_us);
}
