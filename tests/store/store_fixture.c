/* SPDX-License-Identifier: Apache-2.0 */
/* See store_fixture.h. */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/time.h"

#define DEVICES_MAX 256

static struct fw_device *devices[DEVICES_MAX];
static struct fw_arena device_memory;
static size_t device_count;

static void
on_up(bool up, const char *why, void *context)
{
	struct fixture *f = context;

	f->up = up;
	snprintf(f->why, sizeof(f->why), "%s", why);
}

static void
on_committed(const struct fw_committed *done, void *context)
{
	struct fixture *f = context;

	f->committed = done->serial;
	f->known_rows += done->known;
	for (size_t i = 0; i < done->item_count; i++)
		f->rejected += done->items[i].rejected != FW_REASON_NONE;
	f->items += done->item_count;
	for (size_t i = 0; i < done->claimed_count && f->claimed_count < FIXTURE_IDS_MAX; i++)
		snprintf(f->claimed[f->claimed_count++], FW_ID_MAX, "%s", done->claimed[i]);
	for (size_t i = 0; i < done->refused_count && f->refused_count < FIXTURE_IDS_MAX; i++)
		snprintf(f->refused[f->refused_count++], FW_ID_MAX, "%s", done->refused[i]);
}

static void
on_notified(const char *channel, const char *payload, void *context)
{
	struct fixture *f = context;

	if (f->notified_count < 4)
		snprintf(f->notified[f->notified_count++], 128, "%s:%s", channel, payload);
}

static void
on_known(const char *device, uint32_t boot_id, uint64_t sequence, void *context)
{
	struct fixture *f = context;

	snprintf(f->known, sizeof(f->known), "%s~%u~%llu", device, boot_id,
	    (unsigned long long)sequence);
}

static void
on_take_back(const char *why, void *context)
{
	struct fixture *f = context;

	snprintf(f->taken_back, sizeof(f->taken_back), "%s", why);
}

static void
on_fenced(void *context)
{
	struct fixture *f = context;

	f->fenced = true;
}

void
fixture_open(struct fixture *f, const char *dsn, enum fw_lane lane)
{
	static const char *const channels[] = {
	    "firewatch_incident", "firewatch_town", "firewatch_quarantine"};
	const char *admin = getenv("FIREWATCH_ADMIN_DSN");

	assert_non_null(admin);
	assert_non_null(dsn);
	memset(f, 0, sizeof(*f));
	f->admin = PQconnectdb(admin);
	assert_int_equal(PQstatus(f->admin), CONNECTION_OK);
	fixture_sql(f, "SET search_path = firewatch; SET client_min_messages = warning");
	f->loop = fw_loop_new();
	f->store = fw_store_new(f->loop,
	    &(struct fw_store_options){
		.dsn = dsn,
		.session_name = "firewatchd/test/1/1",
		.instance = "test",
		.lane = lane,
		.retry_max_ms = 200,
		.listen = channels,
		.listen_count = 3,
	    },
	    &(struct fw_store_handlers){.up = on_up,
		.committed = on_committed,
		.known = on_known,
		.take_back = on_take_back,
		.fenced = on_fenced,
		.notified = on_notified,
		.context = f});
	fixture_sql(f, "INSERT INTO lease VALUES ('test', '1', 1, 0, '', now(), now()) "
		       "ON CONFLICT (instance) DO UPDATE SET fence = 1");
	fw_store_start(f->store, 1);
}

void
fixture_close(struct fixture *f)
{
	fw_store_free(f->store);
	fw_loop_free(f->loop);
	PQfinish(f->admin);
	for (size_t i = 0; i < device_count; i++)
		fw_device_fini(devices[i]);
	if (device_count)
		fw_arena_fini(&device_memory);
	device_count = 0;
}

struct wait {
	struct fixture *f;
	bool (*holds)(struct fixture *f);
	struct fw_timer *timer;
	int64_t until_us;
	bool held;
};

static void
on_look(void *context)
{
	struct wait *w = context;

	w->held = w->holds(w->f);
	if (w->held || fw_loop_now_us(w->f->loop) > w->until_us)
		fw_loop_stop(w->f->loop);
	else
		fw_timer_set(w->timer, 2 * FW_MS);
}

void
fixture_wait(struct fixture *f, bool (*holds)(struct fixture *f))
{
	struct wait w = {.f = f, .holds = holds, .until_us = fw_loop_now_us(f->loop) + 20 * FW_S};

	w.timer = fw_timer_new(f->loop, on_look, &w);
	fw_timer_set(w.timer, 0);
	fw_loop_run(f->loop);
	fw_timer_free(w.timer);
	assert_true(w.held);
}

bool
fixture_is_up(struct fixture *f)
{
	return f->up;
}

bool
fixture_is_committed(struct fixture *f)
{
	struct fw_store_state state;

	fw_store_state(f->store, &state);
	return state.committed + 1 == state.gathering;
}

void
fixture_commit(struct fixture *f)
{
	fixture_wait(f, fixture_is_up);
	assert_true(fw_store_send(f->store));
	fixture_wait(f, fixture_is_committed);
}

void
fixture_sql(struct fixture *f, const char *sql)
{
	PGresult *result = PQexec(f->admin, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(f->admin));
	PQclear(result);
}

const char *
fixture_value(struct fixture *f, const char *sql)
{
	static char value[1024];
	PGresult *result = PQexec(f->admin, sql);

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		fail_msg("%s: %d rows, %s", sql, PQntuples(result), PQerrorMessage(f->admin));
	snprintf(value, sizeof(value), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

struct fw_device *
fixture_device(const char *id)
{
	struct fw_device *d;

	assert_true(device_count < DEVICES_MAX);
	if (device_count == 0)
		fw_arena_init(&device_memory, 4096);
	d = fw_device_new(&device_memory, id);
	d->topic_division = "330100";
	devices[device_count++] = d;
	return d;
}

struct fw_device *
fixture_device_at(size_t n)
{
	assert_true(n < device_count);
	return devices[n];
}

void
fixture_add_report(struct fixture *f, struct fw_device *d, uint64_t sequence, uint64_t position,
    enum fw_action_type type)
{
	static const struct fw_reading readings[] = {{0, 1, 21.5}, {4294967295u, 77, -1e300}};
	struct fw_message m = {.lane = FW_LANE_ALARM,
	    .journal = 9,
	    .position = position,
	    .topic = "t",
	    .topic_len = 1,
	    .received_at_us = fw_loop_now_us(f->loop) / FW_DAY * FW_DAY + FW_MIN};
	struct fw_report r = {.message = &m,
	    .body = (const uint8_t *)"\x10\x01",
	    .body_len = 2,
	    .boot_id = 4294967295u,
	    .sequence = sequence,
	    .observed_at_us = m.received_at_us,
	    .mode = 4294967295u,
	    .readings = readings,
	    .reading_count = 2,
	    .device = d,
	    .via = d};
	struct fw_action action = {.type = type, .u.report = &r};

	action.item = (struct fw_receipt_item){
	    .via = d, .device = d, .boot_id = r.boot_id, .sequence = sequence};
	fw_store_add(f->store, &action);
}

void
fixture_add(struct fixture *f, enum fw_action_type type, const void *what)
{
	struct fw_action action = {.type = type, .u.alarm = what};

	fw_store_add(f->store, &action);
}

char fixture_channel[] = "webhook", fixture_role[] = "guardian", fixture_person[] = "p1";
static char empty[] = "";

struct fw_incident
fixture_incident(struct fw_device *d, char *id)
{
	static char division[] = "330100";

	return (struct fw_incident){.id = id,
	    .division = division,
	    .site = empty,
	    .device = d->id,
	    .class = FW_CLASS_FIRE,
	    .opened_at_us = 1700000000 * FW_S,
	    .trigger_count = 1,
	    .alarm_count = 1};
}

struct fw_alarm
fixture_alarm(struct fw_device *d, struct fw_incident *i, char *id)
{
	return (struct fw_alarm){.id = id,
	    .device = d,
	    .incident = i,
	    .point = 4294967295u,
	    .class = FW_CLASS_FIRE,
	    .conditions = 2,
	    .system_type = 4294967295u,
	    .observed_at_us = 1,
	    .received_at_us = i->opened_at_us,
	    .last_seen_us = i->opened_at_us,
	    .report_count = 1,
	    .zone = empty,
	    .reason = empty,
	    .rule = empty,
	    .data = empty,
	    .text = empty};
}

struct fw_page
fixture_page(struct fw_incident *i, char *id)
{
	return (struct fw_page){.incident = i,
	    .id = id,
	    .trigger = i->trigger_count,
	    .step = 1,
	    .role = fixture_role,
	    .person = fixture_person,
	    .person_name = fixture_person,
	    .channel = fixture_channel,
	    .target = empty,
	    .attempts = 1,
	    .due_at_us = i->opened_at_us,
	    .sent_at_us = i->opened_at_us};
}

bool
fixture_is_notified(struct fixture *f)
{
	return f->notified_count > 0;
}

int
fixture_set_up(void **state)
{
	struct fixture *f = fw_calloc(1, sizeof(*f));

	fixture_open(f, getenv("FIREWATCH_TEST_DSN"), FW_LANE_ALARM);
	*state = f;
	fixture_wait(f, fixture_is_up);
	return 0;
}

int
fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_sql(f,
	    "TRUNCATE report, duplicate, quarantined, sequence_ledger, device_status, incident, alarm, page_step, "
	    "notification, timeline, checkpoint, ledger_mark, lease, watch, protection, policy, duty, person, device, site, division");
	fixture_close(f);
	free(f);
	return 0;
}
