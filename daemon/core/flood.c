/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods, as ISA-18.2 and EEMUA 191 measure them: more than 10 alarms of a division within 10
 * minutes, until there are fewer than 5.  It is measured and written down, and changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/state.h"

#define WITHIN_US (600 * FW_S)
#define BEGINS_ABOVE 10
#define ENDS_BELOW 5
#define TIMES_LEAST 16
#define TIMES_MOST 4096 /* alarms that are told apart; a peak is not counted beyond */

struct fw_flood_meter {
	struct fw_deadline deadline; /* first: when it will be over */
	struct fw_flood flood;
	bool lasts, dirty;
	int64_t *times_us; /* of the last alarms, a ring */
	uint32_t first, count, cap;
	struct fw_flood_meter *next_dirty;
};

static struct fw_flood_meter *
meter_of(struct fw_core *core, const char *division)
{
	size_t n = strlen(division);
	struct fw_flood_meter *m = fw_strmap_get(&core->floods, division, n);

	if (m)
		return m;
	m = fw_calloc(1, sizeof(*m));
	m->flood.division = fw_arena_text(&core->lasting, division, n);
	fw_strmap_put(&core->floods, m->flood.division, n, m);
	return m;
}

void
fw_flood_free(struct fw_core *core)
{
	size_t cursor = 0;
	void *value;

	fw_deadlines_fini(&core->floods_due);
	while (fw_strmap_next(&core->floods, &cursor, &value)) {
		struct fw_flood_meter *m = value;

		free(m->times_us);
		free(m);
	}
	fw_strmap_fini(&core->floods);
}

/* ---------------------------------------------------------------- the last alarms */

static int64_t
time_at(const struct fw_flood_meter *m, uint32_t place)
{
	return m->times_us[(m->first + place) % m->cap];
}

static void
drop_first(struct fw_flood_meter *m)
{
	m->first = (m->first + 1) % m->cap;
	m->count--;
}

/* … and what is of a time to come: the clock was set back. */
static void
drop_old(struct fw_flood_meter *m, int64_t at_us)
{
	while (m->count && (time_at(m, 0) < at_us - WITHIN_US || time_at(m, 0) > at_us + WITHIN_US))
		drop_first(m);
}

static void
resize(struct fw_flood_meter *m, uint32_t cap)
{
	int64_t *times_us = fw_calloc(cap, sizeof(*times_us));

	for (uint32_t k = 0; k < m->count; k++)
		times_us[k] = time_at(m, k);
	free(m->times_us);
	m->times_us = times_us;
	m->first = 0;
	m->cap = cap;
}

static void
push(struct fw_flood_meter *m, int64_t at_us)
{
	drop_old(m, at_us);
	if (m->count == TIMES_MOST)
		drop_first(m);
	if (m->count == m->cap)
		resize(m, m->cap ? 2 * m->cap : TIMES_LEAST);
	m->times_us[(m->first + m->count) % m->cap] = at_us;
	m->count++;
}

/* ---------------------------------------------------------------- a flood */

static void
emit(struct fw_core *core, const struct fw_flood_meter *m)
{
	struct fw_flood *row = fw_arena_alloc(&core->arena, sizeof(*row));

	*row = m->flood;
	fw_emit(core, FW_ACT_FLOOD)->u.flood = row;
}

static void
mark(struct fw_core *core, struct fw_flood_meter *m)
{
	if (m->dirty)
		return;
	m->dirty = true;
	m->next_dirty = core->dirty_floods;
	core->dirty_floods = m;
}

void
fw_flood_flush(struct fw_core *core)
{
	while (core->dirty_floods) {
		struct fw_flood_meter *m = core->dirty_floods;

		core->dirty_floods = m->next_dirty;
		m->dirty = false;
		if (m->lasts)
			emit(core, m);
	}
}

/* When there will be too few; `otherwise` when there are already. */
static int64_t
over_at(const struct fw_flood_meter *m, int64_t otherwise_us)
{
	if (m->count < ENDS_BELOW)
		return otherwise_us;
	return time_at(m, m->count - ENDS_BELOW) + WITHIN_US + 1;
}

static void
end_when_over(struct fw_core *core, struct fw_flood_meter *m, int64_t at_us)
{
	int64_t over_us = over_at(m, at_us);

	if (!m->lasts || over_us > at_us)
		return;
	m->flood.ended_at_us = over_us;
	m->lasts = false;
	core->counters.floods--;
	fw_deadline_cancel(&core->floods_due, &m->deadline);
	emit(core, m);
	while (m->count >= ENDS_BELOW)
		drop_first(m);
	if (m->cap > TIMES_LEAST)
		resize(m, TIMES_LEAST);
}

void
fw_flood_count(struct fw_core *core, const char *division, int64_t at_us)
{
	struct fw_flood_meter *m = meter_of(core, division);

	end_when_over(core, m, at_us);
	push(m, at_us);
	if (m->lasts) {
		m->flood.alarms++;
	} else if (m->count > BEGINS_ABOVE) {
		m->lasts = true;
		core->counters.floods++;
		m->flood.started_at_us = at_us;
		m->flood.ended_at_us = 0;
		m->flood.alarms = m->flood.peak_10min = m->count;
	}
	if (!m->lasts)
		return;
	if (m->count > m->flood.peak_10min)
		m->flood.peak_10min = m->count;
	fw_deadline_set(&core->floods_due, &m->deadline, over_at(m, at_us));
	mark(core, m);
}

void
fw_flood_tick(struct fw_core *core, int64_t at_us)
{
	struct fw_deadline *d;

	while ((d = fw_deadlines_pop(&core->floods_due, at_us)))
		end_when_over(core, (struct fw_flood_meter *)d, at_us);
}

/* The clock was set: what it counts goes with its deadline. */
void
fw_flood_shift(struct fw_core *core, int64_t by_us)
{
	size_t cursor = 0;
	void *value;

	fw_deadlines_shift(&core->floods_due, by_us);
	while (fw_strmap_next(&core->floods, &cursor, &value)) {
		struct fw_flood_meter *m = value;

		for (uint32_t k = 0; k < m->count; k++)
			m->times_us[(m->first + k) % m->cap] += by_us;
	}
}

/* ---------------------------------------------------------------- a new start */

void
fw_core_load_opened(struct fw_core *core, const char *division, int64_t at_us)
{
	push(meter_of(core, division), at_us);
}

void
fw_core_load_flood(struct fw_core *core, const struct fw_flood *flood)
{
	struct fw_flood_meter *m = meter_of(core, flood->division);
	const char *division = m->flood.division;

	if (m->lasts)
		return;
	m->flood = *flood;
	m->flood.division = division;
	m->lasts = true;
	core->counters.floods++;
	fw_deadline_set(&core->floods_due, &m->deadline, over_at(m, flood->started_at_us));
}
