/* SPDX-License-Identifier: Apache-2.0 */
/* A device's word -> cause: what an event of a report means, of that device, now. */
#include <stdio.h>

#include "core/classify.h"
#include "core/state.h"

struct fw_judgement
fw_judge(
    const struct fw_core *core, const struct fw_device *d, const struct fw_event *e, int64_t at_us)
{
	return fw_classify(&(struct fw_subject){
	    .condition = e->condition,
	    .system_type = e->system_type,
	    .component_type = e->component_type,
	    .profile = fw_core_profile(core, d),
	    .level = fw_town_level_rules(core->town, fw_core_level(core, d, at_us)),
	});
}

struct fw_cause
fw_cause_of_report(struct fw_core *core, struct fw_device *d, const struct fw_report *r)
{
	bool own = r->device == d;
	char name[FW_ID_MAX];

	fw_report_name(d, r, name);
	return (struct fw_cause){
	    .device = d,
	    .name = fw_arena_printf(&core->arena, "%s", name),
	    .text = "",
	    .data = "",
	    .mode = r->mode,
	    .backfill = r->backfill,
	    .boot_id = own ? r->boot_id : 0,
	    .sequence = own ? r->sequence : 0,
	    .observed_at_us = r->observed_at_us,
	    .received_at_us = r->message->received_at_us,
	};
}

bool
fw_event_take(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    size_t event_index, int64_t now_us)
{
	const struct fw_event *e = &r->events[event_index];
	struct fw_cause c = fw_cause_of_report(core, d, r);

	c.point = e->point;
	c.bit = e->condition;
	c.judgement = fw_judge(core, d, e, c.received_at_us);
	c.id = fw_arena_printf(&core->arena, "%s~%zu", c.name, event_index);
	c.text = e->text;
	c.system_type = e->system_type;
	c.component_type = e->component_type;
	switch (c.judgement.meaning) {
	case FW_MEANING_RESET:
		return e->active && fw_alarm_reset(core, &c, now_us);
	case FW_MEANING_ALARM:
		if (!e->active)
			return fw_alarm_restore(core, &c, "restored", now_us);
		fw_alarm_raise(core, &c, now_us);
		return true;
	}
	return false;
}
