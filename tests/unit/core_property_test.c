/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core under random reports, answers, time, commits and refusals, with a model of the rows that
 * a person's answer changes; after each step its structures agree and no raised fire is without
 * somebody who is called or has answered.
 */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "random.h"

#define RUNS 30
#define STEPS 1500
#define ROWS 512
#define MINUTE (60 * SECOND)

/* An incident's row, as PostgreSQL has it. */
struct row {
	char id[FW_ID_MAX];
	uint32_t trigger_count, acknowledged, closed;
	enum fw_verdict verdict;
	bool told; /* its notification is under way */
};

struct world {
	struct bench *b;
	struct row rows[ROWS];
	size_t row_count;
	uint64_t sequence[8]; /* the last of each device */
	uint32_t boot[8];
	bool away; /* PostgreSQL */
};

static const char *const devices[] = {
    "smoke-1", "smoke-2", "smoke-3", "panel", "gateway", "stranger"};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

/* ---------------------------------------------------------------- what must hold */

static bool
holds(const struct fw_alarm *list, const struct fw_alarm *a)
{
	for (; list; list = list->incident_next)
		if (list == a)
			return true;
	return false;
}

static void
check_alarm(const struct fw_core *core, const struct fw_device *d, const struct fw_alarm *a)
{
	const struct fw_incident *i = a->incident;

	assert_ptr_equal(a->device, d);
	assert_int_equal(a->restored_at_us, 0);
	assert_true(a->conditions != 0);
	assert_non_null(i);
	assert_ptr_equal(fw_strmap_get(&core->incidents, i->id, strlen(i->id)), i);
	assert_true(holds(i->alarms, a));
	for (const struct fw_alarm *b = a->device_next; b; b = b->device_next)
		assert_false(b->point == a->point && b->class == a->class);
	if (!i->closed)
		assert_true(i->class <= a->class);
}

static void
check_steps(const struct fw_incident *i)
{
	bool planned = false;

	for (const struct fw_step *s = i->steps; s; s = s->next) {
		assert_ptr_equal(s->incident, i);
		assert_int_equal(s->state == FW_STEP_QUEUED, fw_deadline_is_set(&s->deadline));
		planned |= s->trigger == i->trigger_count;
	}
	if (fw_incident_is_open(i) && fw_class_is_emergency(i->class))
		assert_true(planned);
}

static size_t
check_pages(const struct fw_core *core, const struct fw_incident *i)
{
	size_t count = 0;

	for (const struct fw_page *p = i->pages; p; p = p->next, count++) {
		assert_ptr_equal(p->incident, i);
		assert_false(fw_page_is_over(p));
		assert_ptr_equal(fw_strmap_get(&core->pages, p->id, strlen(p->id)), p);
		if (p->state == FW_PAGE_SENDING)
			assert_false(fw_deadline_is_set(&p->deadline));
		if (p->state == FW_PAGE_WAITING)
			assert_true(fw_deadline_is_set(&p->deadline));
		assert_true(p->attempts <= core->rules.attempts);
	}
	return count;
}

static void
check_all(const struct fw_core *core)
{
	size_t cursor = 0, pages = 0, open = 0;
	void *value;

	while (fw_idset_next(&core->devices, &cursor, &value))
		for (const struct fw_alarm *a = ((struct fw_device *)value)->alarms; a;
		     a = a->device_next)
			check_alarm(core, value, a);
	cursor = 0;
	while (fw_strmap_next(&core->incidents, &cursor, &value)) {
		const struct fw_incident *i = value;

		assert_true(i->trigger_count > 0 && i->acknowledged_trigger <= i->trigger_count);
		assert_int_equal(i->closed, i->closed_trigger == i->trigger_count);
		check_steps(i);
		pages += check_pages(core, i);
		open += !i->closed;
		if (!i->closed)
			assert_ptr_equal(
			    fw_strmap_get(&core->open_incidents, i->key, strlen(i->key)), i);
	}
	assert_int_equal(pages, fw_strmap_count(&core->pages));
	assert_int_equal(open, fw_strmap_count(&core->open_incidents));
}

/* What was handed to the channels since `first`.  One that PostgreSQL kept waiting goes out
 * whatever was answered since. */
static void
check_sends(const struct bench *b, size_t first)
{
	for (size_t k = first; k < b->send_count; k++) {
		const struct fw_page *p =
		    fw_strmap_get(&b->core->pages, b->sends[k], strlen(b->sends[k]));

		if (p && !p->force && !p->unclaimed)
			assert_true(p->trigger > p->incident->acknowledged_trigger &&
				    p->trigger > p->incident->closed_trigger);
	}
}

/* What was received is decided, and either committed or with whoever writes it. */
static void
check_identity(const struct bench *b)
{
	uint64_t waiting[FW_LANES] = {0};
	struct fw_core_counters c;

	fw_core_counters(b->core, &c);
	for (size_t k = 0; k < b->item_count; k++)
		waiting[b->items[k].lane]++;
	for (int k = 0; k < FW_LANES; k++) {
		assert_int_equal(c.items[k], c.reports[k] + c.duplicates[k] + c.quarantined[k]);
		assert_int_equal(c.items[k], c.committed[k] + c.committed_duplicates[k] +
						 c.committed_quarantined[k] + waiting[k]);
	}
}

/* ---------------------------------------------------------------- the rows */

static struct row *
row_of(struct world *w, const char *id)
{
	for (size_t k = 0; k < w->row_count; k++)
		if (strcmp(w->rows[k].id, id) == 0)
			return &w->rows[k];
	return NULL;
}

static void
write_rows(struct world *w)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&w->b->core->incidents, &cursor, &value)) {
		const struct fw_incident *i = value;
		struct row *row = row_of(w, i->id);

		if (!row && w->row_count < ROWS) {
			row = &w->rows[w->row_count++];
			*row = (struct row){0};
			snprintf(row->id, sizeof(row->id), "%s", i->id);
		}
		if (row) {
			assert_true(i->trigger_count >= row->trigger_count);
			row->trigger_count = i->trigger_count;
		}
	}
}

/* As the statement does: unless the row has an answer that covers the page. */
static bool
is_allowed(struct world *w, const char *page_id)
{
	const struct fw_page *p = fw_strmap_get(&w->b->core->pages, page_id, strlen(page_id));
	const struct row *row = p ? row_of(w, p->incident->id) : NULL;

	return !row || p->force || (row->acknowledged < p->trigger && row->closed < p->trigger);
}

static void
commit(struct world *w)
{
	static char claims[256][384];
	struct bench *b = w->b;
	size_t count = b->claim_count;

	bench_flush(b);
	write_rows(w);
	memcpy(claims, b->claims, sizeof(claims));
	for (size_t k = 0; k < count; k++) {
		memcpy(b->claims[0], claims[k], sizeof(claims[k]));
		b->claim_count = 1;
		if (is_allowed(w, claims[k]))
			bench_commit(b);
		else
			bench_refuse_claims(b);
	}
	bench_commit(b);
}

/* ---------------------------------------------------------------- what happens */

static struct say
something(struct world *w, size_t k)
{
	static const uint32_t conditions[] = {FW_CONDITION_FIRE, FW_CONDITION_FIRE,
	    FW_CONDITION_FIRE, FW_CONDITION_MANUAL_CALL, FW_CONDITION_GAS, FW_CONDITION_FAULT,
	    FW_CONDITION_MAINS_LOST, FW_CONDITION_RESET, FW_CONDITION_PRE_ALARM, 99, 0};
	struct say what = {
	    .topic_device = devices[k],
	    .device_id = k == 4 && random_below(2) ? "child" : "",
	    .condition = conditions[random_below(sizeof(conditions) / sizeof(conditions[0]))],
	    .restored = random_below(3) == 0,
	    .point = k == 3 ? (uint32_t)random_below(4) : 0,
	    .mode = random_below(8) == 0 ? FW_MODE_TEST : FW_MODE_NORMAL,
	    .backfill = random_below(8) == 0,
	    .telemetry = random_below(3) == 0,
	    .second_condition = random_below(6) == 0 ? FW_CONDITION_FIRE : 0,
	};

	if (random_below(60) == 0) {
		w->boot[k]++;
		w->sequence[k] = 0;
	}
	what.boot = w->boot[k] + 1;
	what.sequence = w->sequence[k] += random_below(8) == 0 ? 1 + random_below(5) : 1;
	return what;
}

/* What reported fire just now is raised, and somebody is called, has answered, or closed it lately.
 */
static void
check_fire(const struct bench *b, const struct say *what)
{
	const char *id = *what->device_id ? what->device_id : what->topic_device;
	const struct fw_device *d = fw_idset_get(&b->core->devices, id, strlen(id));
	const struct fw_alarm *a;

	assert_non_null(d);
	for (a = d->alarms; a && (a->class != FW_CLASS_FIRE || a->point != what->point);
	     a = a->device_next)
		;
	assert_non_null(a);
	assert_int_equal(a->last_seen_us, b->now_us);
	if (a->incident->closed)
		assert_true(
		    b->now_us - a->incident->closed_at_us < b->core->rules.realarm_after_us);
}

static void
report(struct world *w)
{
	struct say what = something(w, random_below(DEVICES));
	struct fw_core_counters before, after;
	const char *trace;

	bench_say(w->b, what);
	if (!what.restored &&
	    (what.condition == FW_CONDITION_FIRE || what.condition == FW_CONDITION_MANUAL_CALL))
		check_fire(w->b, &what);
	fw_core_counters(w->b->core, &before);
	if (random_below(4))
		return;
	trace = bench_say(w->b, what);
	fw_core_counters(w->b->core, &after);
	assert_non_null(strstr(trace, "duplicate "));
	assert_ptr_equal(strchr(trace, '\n'), trace + strlen(trace) - 1);
	assert_int_equal(before.alarms_opened, after.alarms_opened);
	assert_int_equal(before.incidents_opened, after.incidents_opened);
	assert_int_equal(before.pages, after.pages);
}

/* As acknowledge, verify and close_incident do. */
static void
answer(struct world *w)
{
	struct row *row = w->row_count ? &w->rows[random_below(w->row_count)] : NULL;

	if (!row || row->closed >= row->trigger_count)
		return;
	row->told = true;
	switch (random_below(3)) {
	case 0:
		row->acknowledged = row->trigger_count;
		break;
	case 1:
		row->acknowledged = row->trigger_count;
		row->verdict = random_below(2) ? FW_VERDICT_REAL_FIRE : FW_VERDICT_FALSE_ALARM;
		break;
	default:
		if (row->verdict != FW_VERDICT_NONE)
			row->closed = row->trigger_count;
		break;
	}
}

static void
hear(struct world *w)
{
	for (size_t k = 0; k < w->row_count; k++) {
		struct row *row = &w->rows[k];

		if (!row->told || random_below(3) == 0)
			continue;
		row->told = false;
		bench_act(w->b, row->id, row->acknowledged, row->closed, row->verdict);
		check_all(w->b->core);
	}
}

static void
time_passes(struct world *w)
{
	static const int64_t spans[] = {
	    SECOND / 10, SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 11 * MINUTE};

	bench_wait(w->b, spans[random_below(sizeof(spans) / sizeof(spans[0]))]);
	assert_true(fw_core_next_tick_us(w->b->core) > w->b->now_us);
}

static void
step(struct world *w)
{
	struct bench *b = w->b;
	bool full = b->claim_count > 100 || b->item_count > 2000;
	size_t sent = b->send_count;

	if (sent > 100) {
		bench_sent(b, NULL);
		sent = b->send_count;
	}
	switch (full ? 4 : random_below(10)) {
	case 0:
	case 1:
	case 2:
	case 3:
		report(w);
		break;
	case 4:
	case 5:
		if (full || !w->away)
			commit(w);
		break;
	case 6:
		time_passes(w);
		break;
	case 7:
		bench_sent(b, random_below(2) ? NULL : "HTTP 503");
		sent = 0;
		break;
	case 8:
		answer(w);
		w->away = random_below(4) == 0 ? !w->away : w->away;
		break;
	default:
		hear(w);
		break;
	}
	if (random_below(50) == 0)
		bench_renew_town(b);
	check_sends(b, sent);
	check_identity(b);
	check_all(b->core);
}

static void
whatever_comes_no_fire_is_forgotten(void **state)
{
	(void)state;
	random_begin("core_property_test");
	for (int run = 0; run < RUNS; run++) {
		struct world *w = calloc(1, sizeof(*w));

		assert_non_null(w);
		w->b = bench_new();
		for (int k = 0; k < STEPS; k++)
			step(w);
		bench_free(w->b);
		free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_comes_no_fire_is_forgotten)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
