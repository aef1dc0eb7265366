/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of an earlier run, as its rows tell it.  Timers are rebuilt from the times in the rows.  A
 * page whose row says "sent" may or may not have reached its person: it is sent again, since a
 * double page is better than none.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

/* What its rows call its division is its site's, and only a stranger's is that of its topic. */
struct fw_device *
fw_core_device_of_row(struct fw_core *core, const char *id, const char *division)
{
	struct fw_device *d = fw_idset_get(&core->devices, id, strlen(id));

	if (!d)
		d = fw_core_device(core, id, "");
	if (!*d->topic_division && !fw_device_site(d))
		d = fw_core_device(core, id, division);
	return d;
}

void
fw_core_load_boot(struct fw_core *core, const char *device, const char *division, uint32_t boot_id,
    uint64_t highest, const struct fw_gap *gaps, size_t gap_count)
{
	struct fw_device *d = fw_core_device_of_row(core, device, division);
	struct fw_boot *boot = fw_device_boot_make(d, boot_id, &core->counters.boots_forgotten);

	fw_seqset_load(&boot->received, highest, gaps, gap_count);
	fw_seqset_load(&boot->recorded, highest, gaps, gap_count);
	fw_conduct_load_boot(core, d, boot);
}

void
fw_core_load_report(struct fw_core *core, const char *device, const char *division,
    uint32_t boot_id, uint64_t sequence, int64_t now_us)
{
	struct fw_device *d = fw_core_device_of_row(core, device, division);
	struct fw_boot *boot = fw_device_boot_make(d, boot_id, &core->counters.boots_forgotten);

	fw_seqset_add(&boot->received, sequence, now_us);
	fw_conduct_load_boot(core, d, boot);
	if (!fw_seqset_add(&boot->recorded, sequence, now_us))
		return;
	boot->dirty = true;
	fw_mark_device(core, d);
}

static void
load_seen(struct fw_core *core, struct fw_device *d, const struct fw_seen *seen)
{
	/* What another instance has heard says nothing of whether this one listened. */
	if (seen->last_seen_us > core->hearing.deaf_since_us && fw_is_served(core, d))
		core->hearing.deaf_since_us = seen->last_seen_us;
	if (seen->last_seen_us <= d->last_seen_us)
		return;
	d->seen = true;
	d->last_seen_us = seen->last_seen_us;
	d->last_observed_us = seen->last_observed_us;
	d->last_boot_id = seen->boot_id;
	d->mode = seen->mode;
	d->clock_fault = seen->clock_fault;
}

void
fw_core_load_seen(struct fw_core *core, const struct fw_seen *seen)
{
	size_t n = strlen(seen->device);
	const struct fw_registration *r = fw_town_device(core->town, seen->device, n);
	struct fw_device *d = fw_idset_get(&core->devices, seen->device, n);

	if (!d && (seen->last_seen_us || (r && fw_heartbeat_of(r))))
		d = fw_core_device(core, seen->device, "");
	if (d && seen->topic_division && *seen->topic_division)
		d = fw_core_device(core, seen->device, seen->topic_division);
	if (d && seen->last_seen_us)
		load_seen(core, d, seen);
	else if (d && !d->seen)
		d->last_observed_us = seen->known_us;
}

/* Until an alarm of its class is loaded, all that is known of the cause is what the incident says
 * itself. */
void
fw_core_load_incident(struct fw_core *core, struct fw_incident *i)
{
	i->area = !*i->site && strncmp(i->key, "area:", strlen("area:")) == 0;
	i->cause_class = i->class;
	i->loaded_outside = FW_CLASSES;
	i->loaded_inside = fw_windows_since(core->windows, i->site, i->opened_at_us);
	i->outside_class = i->loaded_inside ? FW_CLASSES : i->class;
	i->outside_trigger = i->trigger_count;
	i->cause_device = fw_strdup(i->device);
	i->cause_zone = fw_strdup("");
	i->cause_text = fw_strdup("");
	i->cause_observed_us = i->opened_at_us;
	i->cause_received_us = i->opened_at_us;
	fw_strmap_put(&core->incidents, i->id, strlen(i->id), i);
	if (!i->closed)
		fw_strmap_put(&core->open_incidents, i->key, strlen(i->key), i);
}

static void
adopt_cause(struct fw_incident *i, const struct fw_alarm *a)
{
	if (i->area || a->class != i->class || a->received_at_us < i->cause_received_us)
		return;
	free(i->cause_device);
	free(i->cause_zone);
	free(i->cause_text);
	i->cause_device = fw_strdup(a->device->id);
	i->cause_zone = fw_strdup(a->zone);
	i->cause_text = fw_strdup(a->text);
	i->cause_observed_us = a->observed_at_us;
	i->cause_received_us = a->received_at_us;
	i->cause_test = a->mode == FW_MODE_TEST;
	i->cause_backfill = a->backfill;
}

/* No window has let it out while it was raised, and its fire was not found to be one. */
static bool
was_windowed(const struct fw_core *core, const struct fw_incident *i, const struct fw_alarm *a)
{
	const struct fw_site *site = fw_device_site(a->device);

	if (!site || i->confirmed_at_us || i->verdict == FW_VERDICT_REAL_FIRE)
		return false;
	return fw_windows_kept(core->windows, site->id, a->zone, a->device->id, a->received_at_us,
	    a->restored_at_us ? a->restored_at_us : FW_NEVER);
}

/* Where one of its class was raised in a window, only what was loaded has called people beyond the
 * site, as far as is known: the next one calls again. */
static void
note_window(struct fw_incident *i, const struct fw_alarm *a)
{
	if (!a->windowed && a->class < i->loaded_outside)
		i->loaded_outside = a->class;
	i->loaded_inside |= a->windowed;
	if (i->loaded_inside)
		i->outside_class = i->loaded_outside;
}

int
fw_core_load_alarm(struct fw_core *core, struct fw_alarm *a, const char *device,
    const char *division, const char *incident_id)
{
	struct fw_incident *i = fw_strmap_get(&core->incidents, incident_id, strlen(incident_id));

	if (!i)
		return FW_ENOTFOUND;
	a->device = fw_core_device_of_row(core, device, division);
	a->windowed = was_windowed(core, i, a); /* first: the incident counts by it */
	fw_alarm_link(i, a);
	fw_alarm_index(core, a);
	fw_area_load(core, a);
	for (unsigned bit = 0; bit < 64; bit++)
		if (a->conditions >> bit & 1)
			fw_alarm_hold(
			    a, (struct fw_hold){bit, a->raised_boot, a->raised_sequence, 0});
	fw_chatter_load(core, a);
	if (a->restored_sequence)
		fw_device_note_over(
		    a->device, a->point, a->conditions, a->restored_boot, a->restored_sequence);
	fw_conduct_load_alarm(core, a);
	adopt_cause(i, a);
	note_window(i, a);
	fw_hazard_arm(core, a);
	return FW_OK;
}

/* Of an older trigger a step that is done tells only that there was a test. */
static bool
is_past(struct fw_incident *i, const struct fw_step *s)
{
	i->loaded_inside |= s->site_only;
	if (i->loaded_inside)
		i->outside_class = i->loaded_outside;
	return s->state != FW_STEP_QUEUED && s->trigger != i->trigger_count;
}

static bool
is_inside(const struct fw_incident *i, uint32_t trigger)
{
	for (const struct fw_step *s = i->steps; s; s = s->next)
		if (s->trigger == trigger && s->site_only)
			return true;
	return false;
}

int
fw_core_load_step(struct fw_core *core, struct fw_step *s, const char *incident_id)
{
	struct fw_incident *i = fw_strmap_get(&core->incidents, incident_id, strlen(incident_id));

	if (!i)
		return FW_ENOTFOUND;
	/* A verification that was not carried out is to be heard again. */
	if (s->state == FW_STEP_CANCELLED && !s->force && i->verdict == FW_VERDICT_REAL_FIRE)
		i->verdict = FW_VERDICT_NONE;
	if (is_past(i, s)) {
		fw_step_free(s);
		return FW_OK;
	}
	s->incident = i;
	s->next = i->steps;
	i->steps = s;
	while (is_inside(i, i->outside_trigger))
		i->outside_trigger--;
	if (s->state == FW_STEP_QUEUED)
		fw_deadline_set(&core->steps_due, &s->deadline, s->due_at_us);
	return FW_OK;
}

int
fw_core_load_page(struct fw_core *core, struct fw_page *p, const char *incident_id)
{
	struct fw_incident *i = fw_strmap_get(&core->incidents, incident_id, strlen(incident_id));

	if (!i)
		return FW_ENOTFOUND;
	p->incident = i;
	p->next = i->pages;
	i->pages = p;
	p->state = FW_PAGE_WAITING;
	fw_strmap_put(&core->pages, p->id, strlen(p->id), p);
	fw_deadline_set(&core->pages_due, &p->deadline, p->due_at_us);
	return FW_OK;
}
