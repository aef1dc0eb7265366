/* SPDX-License-Identifier: Apache-2.0 */
/* See core_fixture.h. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "firewatch/v1/firewatch.pb-c.h"

static struct fw_town *
make_town(void (*rules)(struct fw_town *town))
{
	struct fw_town *t = fw_town_new(7);
	static const char *const smoke[] = {"smoke-1", "smoke-2", "smoke-3"};

	fw_town_add_division(t, "330106", "", "西湖区", "district");
	fw_town_add_division(t, "330106109", "330106", "转塘街道", "town");
	fw_town_add_division(t, "330106109001", "330106109", "一村", "village");
	assert_int_equal(fw_town_add_site(t, "home", "张奶奶家", "330106109001",
			     "elderly_household", "high", "1号", ""),
	    0);
	assert_int_equal(
	    fw_town_add_site(t, "shop", "小店", "330106109001", "small_shop", "normal", "2号", ""),
	    0);
	if (rules)
		rules(t);
	for (size_t k = 0; k < 3; k++)
		fw_town_add_device(t, smoke[k], "", "home", k == 2 ? "cellar" : "kitchen",
		    "smoke_alarm", "", 86400);
	fw_town_add_device(t, "panel", "", "shop", "", "fire_panel_transmitter", "", 60);
	fw_town_add_device(t, "gateway", "", "shop", "", "gateway", "", 60);
	fw_town_add_device(t, "child", "gateway", "", "back", "smoke_alarm", "", 60);
	fw_town_add_person(t, "guardian", "张明", "", "", "https://example.org/g");
	fw_town_add_person(t, "head", "李村长", "", "", "https://example.org/h");
	fw_town_add_person(t, "station", "消防站", "", "", "https://example.org/s");
	fw_town_add_person(t, "silent", "王五", "", "", "");
	/* A site's own people may be listed anywhere. */
	assert_int_equal(
	    fw_town_add_duty(t, "330106", "home", "guardian", "guardian", 0, FW_NEVER), 0);
	assert_int_equal(fw_town_add_duty(t, "330106109001", "", "head", "head", 0, FW_NEVER), 0);
	assert_int_equal(fw_town_add_duty(t, "330106", "", "station", "station", 0, FW_NEVER), 0);
	assert_int_equal(fw_town_add_duty(t, "330106", "", "mechanic", "silent", 0, FW_NEVER), 0);
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 1, 0, "guardian", "webhook");
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 2, 60 * SECOND, "head", "webhook");
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 3, 300 * SECOND, "station", "webhook");
	fw_town_add_policy(t, FW_CLASS_FAULT, "", "", 1, 0, "mechanic", "webhook");
	fw_town_finish(t);
	return t;
}

struct bench *
bench_new(void)
{
	return bench_new_with(NULL);
}

static struct fw_core *
make_core(void (*with)(struct fw_town *town))
{
	struct fw_core *core;
	struct fw_rules rules = {
	    .area_devices = 10,
	    .area_share_percent = 50,
	    .clock_ahead_us = 300 * SECOND,
	    .clock_behind_us = 7 * FW_DAY,
	    .confirm_within_us = 300 * SECOND,
	    .realarm_after_us = 600 * SECOND,
	    .uncommitted_us = 3 * SECOND,
	    .retry_us = 2 * SECOND,
	    .retry_max_us = 60 * SECOND,
	    .attempts = 3,
	};

	core = fw_core_new(&rules, 7);
	fw_core_set_town(core, make_town(with));
	return core;
}

struct bench *
bench_new_with(void (*with)(struct fw_town *town))
{
	struct bench *b = fw_calloc(1, sizeof(*b));

	b->core = make_core(with);
	b->now_us = NOON;
	b->rules = with;
	return b;
}

void
bench_renew_town(struct bench *b)
{
	fw_core_set_town(b->core, make_town(b->rules));
}

static void
drop_items(struct bench *b)
{
	for (size_t k = 0; k < b->item_count; k++)
		free(b->items[k].claimed);
	b->item_count = 0;
}

void
bench_restart(struct bench *b)
{
	drop_items(b);
	b->claim_count = b->send_count = 0;
	fw_core_free(b->core);
	b->core = make_core(b->rules);
}

void
bench_free(struct bench *b)
{
	drop_items(b);
	fw_core_free(b->core);
	free(b);
}

static void FW_PRINTF(2, 3) write_line(struct bench *b, const char *format, ...)
{
	size_t used = strlen(b->trace);
	va_list args;

	va_start(args, format);
	vsnprintf(b->trace + used, sizeof(b->trace) - used, format, args);
	va_end(args);
}

static const char *
page_word(enum fw_page_state state)
{
	static const char *const words[] = {
	    "writing", "sending", "waiting", "delivered", "failed", "cancelled"};

	return words[state];
}

static void
keep_item(struct bench *b, const struct fw_action *a)
{
	assert_true(b->item_count < sizeof(b->items) / sizeof(b->items[0]));
	b->items[b->item_count++] = a->item;
}

static void
keep_claim(struct bench *b, const struct fw_page *p)
{
	snprintf(b->claims[b->claim_count++], sizeof(b->claims[0]), "%s", p->id);
}

static void
trace(struct bench *b, const struct fw_action *a)
{
	static const char *const steps[] = {"queued", "done", "cancelled"};
	const char *lane = a->lane == FW_LANE_ALARM ? "" : "telemetry ";

	switch (a->type) {
	case FW_ACT_REPORT:
		keep_item(b, a);
		write_line(b, "%sreport %s %llu\n", lane, a->u.report->device->id,
		    (unsigned long long)a->u.report->sequence);
		break;
	case FW_ACT_DUPLICATE:
		keep_item(b, a);
		write_line(b, "%sduplicate %s %llu\n", lane, a->u.report->device->id,
		    (unsigned long long)a->u.report->sequence);
		break;
	case FW_ACT_QUARANTINE:
		keep_item(b, a);
		write_line(b, "%squarantine %s %d %s: %s\n", lane, a->u.quarantine->device,
		    a->u.quarantine->index, fw_reason_name(a->u.quarantine->reason),
		    a->u.quarantine->detail);
		break;
	case FW_ACT_REPLAYED:
		write_line(
		    b, "replayed %s %s\n", a->u.replayed.quarantine_id, a->u.replayed.outcome);
		break;
	case FW_ACT_REGISTER:
		write_line(b, "%sregister %s\n", lane, a->u.device->id);
		break;
	case FW_ACT_ALARM:
		write_line(b, "alarm %s %s x%u %s\n", a->u.alarm->id,
		    fw_class_name(a->u.alarm->class), a->u.alarm->report_count,
		    a->u.alarm->restored_at_us ? "restored" : "active");
		break;
	case FW_ACT_INCIDENT:
		write_line(b, "incident %s %s triggers %u alarms %u%s\n", a->u.incident->id,
		    fw_class_name(a->u.incident->class), a->u.incident->trigger_count,
		    a->u.incident->alarm_count,
		    a->u.incident->confirmed_at_us                    ? " confirmed"
		    : a->u.incident->confidence == FW_CONFIDENCE_HIGH ? " high"
								      : "");
		break;
	case FW_ACT_STEP:
		write_line(b, "step %u.%d %s %s%s\n", a->u.step->trigger, a->u.step->step,
		    a->u.step->role, steps[a->u.step->state],
		    a->u.step->site_only ? " at site" : "");
		break;
	case FW_ACT_PAGE:
		keep_claim(b, a->u.page);
		write_line(b, "page %s step %d%s\n", a->u.page->person, a->u.page->step,
		    a->u.page->force ? " force" : "");
		break;
	case FW_ACT_CLAIM:
		keep_claim(b, a->u.page);
		write_line(b, "claim %s attempt %u\n", a->u.page->person, a->u.page->attempts);
		break;
	case FW_ACT_RESULT:
		write_line(b, "result %s %s\n", a->u.page->person, page_word(a->u.page->state));
		break;
	case FW_ACT_TIMELINE:
		write_line(b, "timeline %s\n", a->u.timeline->kind);
		break;
	case FW_ACT_FLOOD:
		write_line(b, "flood %s %u peak %u%s\n", a->u.flood->division, a->u.flood->alarms,
		    a->u.flood->peak_10min, a->u.flood->ended_at_us ? " over" : "");
		break;
	case FW_ACT_WINDOW:
		write_line(b, "window %s over\n", a->u.window.window->id);
		break;
	case FW_ACT_HAZARD:
		write_line(b, "hazard %s %s %s %s found %lld\n", a->u.hazard->id, a->u.hazard->kind,
		    a->u.hazard->major ? "major" : "general",
		    *a->u.hazard->person ? a->u.hazard->person : "nobody",
		    (long long)((a->u.hazard->found_at_us - NOON) / SECOND));
		break;
	case FW_ACT_WATCH:
		write_line(b, "watch %s %s %s\n", fw_quantity_name(a->u.watch->quantity),
		    fw_class_name(a->u.watch->class), a->u.watch->state);
		break;
	case FW_ACT_SEND:
		snprintf(b->sends[b->send_count++], sizeof(b->sends[0]), "%s", a->u.page->id);
		write_line(b, "send %s%s%s\n", a->u.page->person,
		    a->u.page->unclaimed ? " unclaimed" : "",
		    a->u.page->incident->cause_test ? " test" : "");
		break;
	case FW_ACT_RECEIPT:
		b->receipt_len = a->u.receipt.len;
		memcpy(b->receipt, a->u.receipt.bytes, a->u.receipt.len);
		snprintf(b->receipt_device, sizeof(b->receipt_device), "%s", a->u.receipt.device);
		write_line(b, "receipt %s\n", a->u.receipt.device);
		break;
	case FW_ACT_ASK:
		write_line(b, "ask %s\n", a->u.incident->id);
		break;
	case FW_ACT_STATUS:
		write_line(b, "status %s\n", a->u.device->id);
		break;
	case FW_ACT_LEDGER:
		write_line(b, "ledger %s %u\n", a->u.ledger.device->id, a->u.ledger.boot->boot_id);
		break;
	case FW_ACT_OUTAGE:
		write_line(b, "outage\n");
		break;
	case FW_ACT_LEDGER_MARK:
		write_line(b, "mark\n");
		break;
	}
}

static const char *
run(struct bench *b, struct fw_actions actions)
{
	for (size_t k = 0; k < actions.count; k++) {
		trace(b, &actions.items[k]);
		if (b->seen)
			b->seen(&actions.items[k], b->context);
	}
	return b->trace;
}

const char *
bench_bytes(struct bench *b, const char *topic, const void *payload, size_t len)
{
	struct fw_message m = {
	    .lane = strstr(topic, "telemetry") ? FW_LANE_TELEMETRY : FW_LANE_ALARM,
	    .journal = 1,
	    .received_at_us = b->received_us ? b->received_us : b->now_us,
	    .topic = topic,
	    .topic_len = strlen(topic),
	    .payload = payload,
	    .payload_len = len,
	    .original_len = len,
	};

	b->trace[0] = '\0';
	return run(b, fw_core_message(b->core, &m, b->now_us));
}

const char *
bench_say(struct bench *b, struct say what)
{
	const char *device = what.topic_device ? what.topic_device : "smoke-1";
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
	Firewatch__V1__Report report = FIREWATCH__V1__REPORT__INIT, *reports[] = {&report};
	Firewatch__V1__Event event = FIREWATCH__V1__EVENT__INIT, other = FIREWATCH__V1__EVENT__INIT,
			     *events[] = {&event, &other};
	Firewatch__V1__Reading reading = FIREWATCH__V1__READING__INIT, *readings[] = {&reading};
	Firewatch__V1__Health health = FIREWATCH__V1__HEALTH__INIT;
	uint8_t bytes[2048];
	char topic[128];

	report.device_id = (char *)(uintptr_t)(what.device_id ? what.device_id : "");
	report.boot_id = what.boot ? what.boot : 1;
	report.sequence = what.sequence;
	report.mode = (Firewatch__V1__Mode)what.mode;
	report.backfill = what.backfill;
	report.observed_at_ms = what.observed_ms;
	event.condition = (Firewatch__V1__Condition)what.condition;
	event.active = !what.restored;
	event.point = what.point;
	event.component_type = what.component_type;
	event.text = (char *)(uintptr_t)(what.text ? what.text : "");
	other = event;
	other.condition = (Firewatch__V1__Condition)what.second_condition;
	report.events = events;
	report.n_events = what.condition ? what.second_condition ? 2 : 1 : 0;
	reading.point = what.point;
	reading.quantity = (Firewatch__V1__Quantity)what.quantity;
	reading.value = what.value;
	report.readings = readings;
	report.n_readings = what.quantity != 0;
	health.battery_percent = what.battery_percent;
	health.signal_dbm = what.signal_dbm;
	report.health = what.battery_percent || what.signal_dbm ? &health : NULL;
	uplink.reports = reports;
	uplink.n_reports = 1;
	assert_true(firewatch__v1__uplink__get_packed_size(&uplink) <= sizeof(bytes));
	snprintf(topic, sizeof(topic), "fire/v1/330106109001/%s/%s", device,
	    what.telemetry ? "telemetry" : "alarm");
	return bench_bytes(b, topic, bytes, firewatch__v1__uplink__pack(&uplink, bytes));
}

const char *
bench_wait(struct bench *b, int64_t us)
{
	int64_t until = b->now_us + us;

	b->trace[0] = '\0';
	run(b, fw_core_tick(b->core, b->now_us));
	while (fw_core_next_tick_us(b->core) <= until) {
		if (fw_core_next_tick_us(b->core) > b->now_us)
			b->now_us = fw_core_next_tick_us(b->core);
		run(b, fw_core_tick(b->core, b->now_us));
	}
	b->now_us = until;
	return b->trace;
}

const char *
bench_hear(struct bench *b, int64_t us)
{
	int64_t until = b->now_us + us, next;

	b->trace[0] = '\0';
	for (next = b->now_us; next <= until; next = fw_core_next_tick_us(b->core)) {
		if (next > b->now_us)
			b->now_us = next;
		fw_core_heard(b->core, b->now_us, b->now_us);
		run(b, fw_core_tick(b->core, b->now_us));
	}
	b->now_us = until;
	fw_core_heard(b->core, b->now_us, b->now_us);
	return run(b, fw_core_tick(b->core, b->now_us));
}

const char *
bench_flush(struct bench *b)
{
	b->trace[0] = '\0';
	return run(b, fw_core_flush(b->core));
}

static void
answer_claims(struct bench *b, bool granted)
{
	size_t count = b->claim_count;

	b->claim_count = 0;
	for (size_t k = 0; k < count; k++)
		run(b, fw_core_claimed(b->core, b->claims[k], granted, b->now_us));
}

const char *
bench_commit(struct bench *b)
{
	b->trace[0] = '\0';
	answer_claims(b, true);
	run(b, fw_core_committed(b->core, b->items, b->item_count, b->now_us));
	b->item_count = 0;
	return b->trace;
}

const char *
bench_refuse_claims(struct bench *b)
{
	b->trace[0] = '\0';
	answer_claims(b, false);
	return b->trace;
}

const char *
bench_sent(struct bench *b, const char *error)
{
	size_t count = b->send_count;

	b->trace[0] = '\0';
	b->send_count = 0;
	for (size_t k = 0; k < count; k++)
		run(b, fw_core_sent(b->core, b->sends[k], error, b->now_us));
	return b->trace;
}

const char *
bench_act(struct bench *b, const char *incident, uint32_t acknowledged, uint32_t closed,
    enum fw_verdict verdict)
{
	struct fw_act act = {
	    .incident_id = incident,
	    .acknowledged_trigger = acknowledged,
	    .closed_trigger = closed,
	    .verdict = verdict,
	    .closed_at_us = closed ? b->now_us : 0,
	};

	b->trace[0] = '\0';
	return run(b, fw_core_acted(b->core, &act, b->now_us));
}

const char *
bench_windows(struct bench *b, const struct fw_window *rows, size_t count)
{
	struct fw_windows *windows = fw_windows_new();

	for (size_t k = 0; k < count; k++)
		fw_windows_add(windows, &rows[k]);
	b->trace[0] = '\0';
	return run(b, fw_core_set_windows(b->core, windows, b->now_us));
}

size_t
count_lines(const char *lines, const char *line)
{
	size_t n = strlen(line), found = 0;

	for (const char *at = lines; *at; at = strchr(at, '\n') + 1)
		if (strncmp(at, line, n) == 0 && at[n] == '\n')
			found++;
	return found;
}
