/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the centre has heard of, and when it could not hear.  Silence counts only while somebody
 * listened: up to the time before which every message is decided, and without the outages.
 */
#include <string.h>

#include "base/time.h"
#include "core/state.h"

/* Whoever was cut off takes a while to come back: as long again as the outage was, at most. */
#define RETURN_MOST_US FW_MIN

int64_t
fw_hearing_until(const struct fw_core *core)
{
	const struct fw_hearing *h = &core->hearing;

	return h->listening || h->until_us < h->deaf_since_us ? h->until_us : h->deaf_since_us;
}

int64_t
fw_hearing_passed(const struct fw_core *core, int64_t from_us, int64_t heard_us)
{
	const struct fw_hearing *h = &core->hearing;
	int64_t at;

	if (from_us < h->began_us)
		from_us = h->began_us;
	at = from_us + heard_us;

	for (uint32_t i = 0; i < h->outage_count && h->outages[i].from_us < at; i++) {
		const struct fw_outage *o = &h->outages[i];

		if (o->up_us > from_us)
			at += o->to_us - (o->from_us > from_us ? o->from_us : from_us);
	}
	return at;
}

int64_t
fw_hearing_deaf(const struct fw_core *core, int64_t from_us, int64_t to_us)
{
	const struct fw_hearing *h = &core->hearing;
	int64_t sum = from_us < h->began_us ? h->began_us - from_us : 0;

	for (uint32_t i = 0; i < h->outage_count; i++) {
		const struct fw_outage *o = &h->outages[i];
		int64_t from = o->from_us > from_us ? o->from_us : from_us;
		int64_t to = o->to_us < to_us ? o->to_us : to_us;

		sum += o->up_us > from_us && to > from ? to - from : 0;
	}
	return sum;
}

/* Makes room for one more: the oldest moves up to the one behind it, so that none of the time is
 * forgotten. */
static void
join_oldest(struct fw_hearing *h)
{
	h->outages[1].from_us -= h->outages[0].to_us - h->outages[0].from_us;
	h->outage_count--;
	memmove(h->outages, h->outages + 1, h->outage_count * sizeof(h->outages[0]));
}

static int64_t
back_by(int64_t from_us, int64_t up_us)
{
	return up_us + (up_us - from_us < RETURN_MOST_US ? up_us - from_us : RETURN_MOST_US);
}

static void
add_outage(struct fw_hearing *h, int64_t from_us, int64_t up_us)
{
	struct fw_outage *last = h->outage_count ? &h->outages[h->outage_count - 1] : NULL;

	if (last && from_us <= last->up_us) {
		last->up_us = up_us;
		last->to_us = back_by(last->from_us, up_us);
		return;
	}
	if (last && from_us < last->to_us)
		last->to_us = from_us;
	if (h->outage_count == FW_OUTAGES_MAX)
		join_oldest(h);
	h->outages[h->outage_count++] = (struct fw_outage){from_us, up_us, back_by(from_us, up_us)};
}

static void
end_outage(struct fw_core *core, int64_t at_us)
{
	struct fw_hearing *h = &core->hearing;
	struct fw_action *action;

	if (h->deaf_since_us == 0) {
		h->began_us = at_us;
		return;
	}
	if (at_us <= h->deaf_since_us)
		return;
	add_outage(h, h->deaf_since_us, at_us);
	action = fw_emit(core, FW_ACT_OUTAGE);
	action->u.outage.from_us = h->deaf_since_us;
	action->u.outage.up_us = at_us;
}

struct fw_actions
fw_core_listening(struct fw_core *core, bool listening, int64_t at_us)
{
	struct fw_hearing *h = &core->hearing;

	fw_core_begin(core);
	if (listening && !h->listening)
		end_outage(core, at_us);
	else if (!listening && h->listening)
		h->deaf_since_us = at_us;
	h->listening = listening;
	return fw_core_end(core);
}

void
fw_core_load_outage(struct fw_core *core, int64_t from_us, int64_t up_us)
{
	if (up_us > from_us)
		add_outage(&core->hearing, from_us, up_us);
}

void
fw_core_heard(struct fw_core *core, int64_t until_us, int64_t now_us)
{
	fw_core_now(core, now_us);
	core->hearing.until_us = until_us < now_us ? until_us : now_us;
}

void
fw_hearing_shift(struct fw_core *core, int64_t by_us)
{
	struct fw_hearing *h = &core->hearing;

	h->until_us += by_us;
	if (h->deaf_since_us)
		h->deaf_since_us += by_us;
	h->began_us += by_us;
	for (uint32_t i = 0; i < h->outage_count; i++) {
		h->outages[i].from_us += by_us;
		h->outages[i].up_us += by_us;
		h->outages[i].to_us += by_us;
	}
}
