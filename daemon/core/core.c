/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of the core but a message (pipeline.c) and a commit (receipt.c). */
#include "core/core.h"

#include <string.h>

#include "base/time.h"
#include "core/state.h"
#include "model/settings.h"

#define UNREAD_MOST_US (30 * FW_S)
#define LOOK_AGAIN_US FW_S
#define BEHIND_US (5 * FW_S) /* more than fw_core_heard tells late at any time */

struct fw_rules
fw_rules_of(const struct fw_settings *s)
{
	return (struct fw_rules){
	    .area_devices = (uint32_t)s->rules.area_devices,
	    .area_share_percent = (uint32_t)s->rules.area_share_percent,
	    .clock_ahead_us = s->rules.clock_ahead_s * FW_S,
	    .clock_behind_us = s->rules.clock_behind_s * FW_S,
	    .confirm_within_us = s->rules.confirm_within_s * FW_S,
	    .realarm_after_us = s->rules.realarm_after_s * FW_S,
	    .uncommitted_us = s->notify.uncommitted_ms * FW_MS,
	    .retry_us = s->notify.retry_ms * FW_MS,
	    .retry_max_us = s->notify.retry_max_ms * FW_MS,
	    .attempts = (uint32_t)s->notify.attempts,
	    .divisions = s->instance.divisions,
	};
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

	fw_idset_reserve(&core->devices, fw_town_device_count(town));
	while (fw_idset_next(&core->devices, &cursor, &value)) {
		struct fw_device *d = value;

		d->registration = fw_town_device(town, d->id, strlen(d->id));
		fw_supervise_town(core, d);
	}
	core->next_level_us = 0;
	fw_town_free(core->town);
	core->town = town;
	fw_hazard_arm_all(core);
	fw_threshold_renew(core);
}

const struct fw_town *
fw_core_town(const struct fw_core *core)
{
	return core->town;
}

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

static int64_t
next_pass_us(const struct fw_core *core)
{
	int64_t next = fw_deadlines_next_us(&core->watches_due);

	next = earlier(next, fw_deadlines_next_us(&core->windows_due));
	next = earlier(next, fw_deadlines_next_us(&core->chatters_due));
	return earlier(next, fw_deadlines_next_us(&core->floods_due));
}

void
fw_core_pass(struct fw_core *core, int64_t until_us, int64_t now_us)
{
	int64_t at_us;

	while ((at_us = next_pass_us(core)) <= until_us) {
		fw_window_tick(core, at_us, now_us);
		fw_threshold_upto(core, at_us, now_us);
		fw_chatter_tick(core, at_us, now_us);
		fw_flood_tick(core, at_us);
	}
}

void
fw_core_loaded(struct fw_core *core, int64_t now_us)
{
	core->loaded_us = now_us;
	core->unread_us = now_us + UNREAD_MOST_US;
}

/* What may still be with the broker is waited for in any case: see fw_core_load_watch. */
static int64_t
unread_until_us(const struct fw_core *core)
{
	return core->hearing.until_us >= core->loaded_us ? core->watches_held_us : core->unread_us;
}

/* Up to when time alone ends or begins something.  While much is unread, what lies in it comes
 * first, but not for ever. */
static int64_t
pass_until_us(const struct fw_core *core, int64_t now_us)
{
	int64_t heard_us = core->hearing.until_us;

	if (heard_us <= 0 || now_us - heard_us <= BEHIND_US) /* 0: never told */
		return now_us;
	return heard_us > now_us - UNREAD_MOST_US ? heard_us : now_us - UNREAD_MOST_US;
}

static void
pass_time(struct fw_core *core, int64_t now_us)
{
	int64_t until_us = pass_until_us(core, now_us);
	bool was_unread = core->unread_us != 0;

	if (was_unread && now_us < unread_until_us(core))
		return;
	core->unread_us = 0;
	fw_core_pass(core, until_us, now_us);
	if (was_unread) /* by a list of windows that came meanwhile */
		fw_window_let_out(core, now_us, now_us);
	fw_hazard_tick(core, until_us);
}

struct fw_actions
fw_core_tick(struct fw_core *core, int64_t now_us)
{
	fw_core_begin(core);
	fw_core_now(core, now_us);
	fw_hazard_check_loaded(core, now_us);
	pass_time(core, now_us);
	fw_escalate_tick(core, now_us);
	fw_page_tick(core, now_us);
	fw_supervise_tick(core, now_us);
	fw_escalate_unreached(core, now_us);
	return fw_core_end(core);
}

struct fw_actions
fw_core_claimed(struct fw_core *core, const char *page_id, bool claimed, int64_t now_us)
{
	struct fw_page *p = fw_strmap_get(&core->pages, page_id, strlen(page_id));

	fw_core_begin(core);
	if (p)
		fw_page_claimed(core, p, claimed, now_us);
	fw_escalate_unreached(core, now_us);
	return fw_core_end(core);
}

struct fw_actions
fw_core_sent(struct fw_core *core, const char *page_id, const char *error, int64_t now_us)
{
	struct fw_page *p = fw_strmap_get(&core->pages, page_id, strlen(page_id));

	fw_core_begin(core);
	if (p)
		fw_page_sent(core, p, error, now_us);
	fw_escalate_unreached(core, now_us);
	return fw_core_end(core);
}

int64_t
fw_core_next_tick_us(const struct fw_core *core)
{
	int64_t next = core->false_alarms_unchecked ? 0 : fw_supervise_next_us(core), pass;

	next = earlier(next, fw_deadlines_next_us(&core->steps_due));
	next = earlier(next, fw_deadlines_next_us(&core->pages_due));
	if (core->unread_us)
		return earlier(next, unread_until_us(core));
	pass = earlier(next_pass_us(core), fw_deadlines_next_us(&core->hazards_due));
	if (pass > pass_until_us(core, core->last_now_us) && pass <= core->last_now_us)
		pass = core->last_now_us + LOOK_AGAIN_US;
	return earlier(next, pass);
}

struct fw_actions
fw_core_flush(struct fw_core *core)
{
	fw_core_begin(core);
	fw_incident_flush(core);
	fw_alarm_flush(core);
	fw_flood_flush(core);
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
	struct fw_incident *i =
	    fw_strmap_get(&core->incidents, act->incident_id, strlen(act->incident_id));
	bool real;

	fw_core_begin(core);
	if (!i)
		return fw_core_end(core);
	real = act->verdict == FW_VERDICT_REAL_FIRE && i->verdict != FW_VERDICT_REAL_FIRE;
	fw_hazard_verdict(core, i, act->verdict, now_us);
	i->verdict = act->verdict;
	if (act->acknowledged_trigger > i->acknowledged_trigger)
		i->acknowledged_trigger = act->acknowledged_trigger;
	if (act->closed_trigger > i->closed_trigger)
		i->closed_trigger = act->closed_trigger;
	for (struct fw_page *p = i->pages; p && real; p = p->next)
		p->force = true;
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
	out->devices = fw_idset_count(&core->devices);
	out->incidents = fw_strmap_count(&core->open_incidents);
	out->windows = core->windows_due.count;
	out->pages_pending = fw_strmap_count(&core->pages);
	out->watches = fw_strmap_count(&core->watches);
}
