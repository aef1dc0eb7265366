/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms, incidents, steps and pages as data; what becomes of them is decided in core/. */
#include "model/incident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
fw_report_name(const struct fw_device *d, const struct fw_report *r, char out[FW_ID_MAX])
{
	if (r->device && r->sequence)
		snprintf(out, FW_ID_MAX, "%s~%u~%llu%s", d->id, r->boot_id,
		    (unsigned long long)r->sequence, r->message->replay_id ? "~r" : "");
	else
		snprintf(out, FW_ID_MAX, "%s~at~%lld~%u", d->id,
		    (long long)r->message->received_at_us, r->index);
}

static struct fw_hold *
find_hold(const struct fw_alarm *a, unsigned bit)
{
	for (uint32_t i = 0; i < a->hold_count; i++)
		if (a->holds[i].bit == bit)
			return &a->holds[i];
	return NULL;
}

void
fw_alarm_hold(struct fw_alarm *a, struct fw_hold by)
{
	struct fw_hold *hold = find_hold(a, by.bit);
	size_t cap = a->hold_cap;

	if (hold && (!by.sequence || (hold->boot_id == by.boot_id && by.sequence < hold->sequence)))
		return;
	if (!hold) {
		a->holds = fw_grow(a->holds, &cap, a->hold_count + 1, sizeof(*a->holds));
		a->hold_cap = (uint32_t)cap;
		hold = &a->holds[a->hold_count++];
	}
	*hold = by;
	a->conditions |= UINT64_C(1) << by.bit;
}

const struct fw_hold *
fw_alarm_held_by(const struct fw_alarm *a, unsigned bit)
{
	return find_hold(a, bit);
}

bool
fw_alarm_let_go(struct fw_alarm *a, unsigned bit)
{
	struct fw_hold *hold = find_hold(a, bit);

	if (!hold)
		return false;
	*hold = a->holds[--a->hold_count];
	if (a->hold_count == 0)
		return true;
	a->conditions &= ~(UINT64_C(1) << bit);
	return false;
}

const char *
fw_alarm_site(const struct fw_alarm *a)
{
	const struct fw_site *site = a->incident->area ? fw_device_site(a->device) : NULL;

	return site ? site->id : a->incident->site;
}

void
fw_alarm_free(struct fw_alarm *a)
{
	free(a->id);
	free(a->holds);
	free(a->zone);
	free(a->reason);
	free(a->rule);
	free(a->data);
	free(a->text);
	free(a);
}

void
fw_step_free(struct fw_step *s)
{
	free(s->role);
	free(s->channel);
	free(s);
}

void
fw_page_free(struct fw_page *p)
{
	free(p->id);
	free(p->role);
	free(p->person);
	free(p->person_name);
	free(p->channel);
	free(p->target);
	free(p->error);
	free(p);
}

bool
fw_incident_has_failed(const struct fw_incident *i, const char *person)
{
	for (uint32_t k = 0; k < i->failed_count; k++)
		if (strcmp(i->failed_people[k], person) == 0)
			return true;
	return false;
}

void
fw_incident_note_failed(struct fw_incident *i, const char *person)
{
	size_t cap = i->failed_cap;

	if (i->failed_count == FW_FAILED_MOST || fw_incident_has_failed(i, person))
		return;
	i->failed_people =
	    fw_grow(i->failed_people, &cap, i->failed_count + 1, sizeof(*i->failed_people));
	i->failed_cap = (uint32_t)cap;
	i->failed_people[i->failed_count++] = fw_strdup(person);
}

void
fw_incident_forget_failed(struct fw_incident *i)
{
	while (i->failed_count)
		free(i->failed_people[--i->failed_count]);
}

void
fw_incident_free(struct fw_incident *i)
{
	while (i->steps) {
		struct fw_step *s = i->steps;

		i->steps = s->next;
		fw_step_free(s);
	}
	while (i->pages) {
		struct fw_page *p = i->pages;

		i->pages = p->next;
		fw_page_free(p);
	}
	free(i->id);
	free(i->key);
	free(i->division);
	free(i->site);
	free(i->device);
	free(i->cause_device);
	free(i->cause_zone);
	free(i->cause_text);
	free(i->merged_into);
	fw_incident_forget_failed(i);
	free(i->failed_people);
	free(i);
}

bool
fw_incident_area_key(const char *id, char *key, size_t size)
{
	const char *division = id + strlen("area~"), *class, *end;
	char word[16];

	if (strncmp(id, "area~", strlen("area~")) != 0)
		return false;
	class = strchr(division, '~');
	end = class ? strchr(++class, '~') : NULL;
	if (!end || (size_t)(end - class) >= sizeof(word))
		return false;
	snprintf(word, sizeof(word), "%.*s", (int)(end - class), class);
	if (fw_class_of(word) == FW_CLASSES)
		return false; /* a device may be named "area" */
	snprintf(key, size, "area:%.*s:%s", (int)(class - 1 - division), division, word);
	return true;
}

bool
fw_incident_is_open(const struct fw_incident *i)
{
	return !i->closed && i->acknowledged_trigger < i->trigger_count;
}

bool
fw_incident_is_open_outside(const struct fw_incident *i)
{
	return !i->closed && i->acknowledged_trigger < i->outside_trigger;
}

bool
fw_page_is_over(const struct fw_page *p)
{
	switch (p->state) {
	case FW_PAGE_WRITING:
	case FW_PAGE_SENDING:
	case FW_PAGE_WAITING:
		return false;
	case FW_PAGE_DELIVERED:
	case FW_PAGE_FAILED:
	case FW_PAGE_CANCELLED:
		return true;
	}
	return true;
}

enum fw_class
fw_page_class(const struct fw_page *p)
{
	const struct fw_incident *i = p->incident;

	if (p->site_only || p->force || i->class >= i->cause_class)
		return i->class;
	return i->outside_class < i->cause_class ? i->outside_class : i->cause_class;
}
