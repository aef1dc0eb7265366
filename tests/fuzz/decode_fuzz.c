/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the payload of a message, all the way through the core: decode, deduplicate, alarms,
 * incidents, pages, receipts.  The identity must hold after each: every message leaves at least one
 * row, and a page under way has an incident.
 */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/core.h"
#include "firewatch/v1/firewatch.pb-c.h"

static struct fw_core *core;
static int64_t now_us = INT64_C(1790000000) * FW_S;

static struct fw_town *
make_town(void)
{
	struct fw_town *t = fw_town_new(1);
	int error;

	fw_town_add_division(t, "330106", "", "西湖区", "district");
	error = fw_town_add_site(t, "site", "张奶奶家", "330106", "household", "normal", "", "");
	fw_town_add_device(t, "gateway", "", "site", "kitchen", "gateway", "", 60);
	fw_town_add_device(t, "child", "gateway", "site", "kitchen", "smoke_alarm", "", 60);
	fw_town_add_person(t, "person", "张明", "", "", "https://example.org/");
	error |= fw_town_add_duty(t, "330106", "", "guardian", "person", 0, FW_NEVER);
	assert(error == FW_OK);
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 1, 0, "guardian", "webhook");
	fw_town_add_policy(t, FW_CLASS_FIRE, "", "", 2, 60 * FW_S, "guardian", "webhook");
	fw_town_finish(t);
	return t;
}

static void
begin(void)
{
	const struct fw_rules rules = {
	    .clock_ahead_us = 300 * FW_S,
	    .clock_behind_us = 7 * FW_DAY,
	    .confirm_within_us = 300 * FW_S,
	    .realarm_after_us = 600 * FW_S,
	    .uncommitted_us = 3 * FW_S,
	    .retry_us = FW_S,
	    .retry_max_us = 60 * FW_S,
	    .attempts = 3,
	};

	core = fw_core_new(&rules, 1);
	fw_core_set_town(core, make_town());
}

static size_t
commit(struct fw_actions actions)
{
	struct fw_receipt_item *items = fw_calloc(actions.count, sizeof(*items));
	size_t rows = 0, count = 0;

	for (size_t k = 0; k < actions.count; k++) {
		const struct fw_action *a = &actions.items[k];

		if (a->type == FW_ACT_REPORT || a->type == FW_ACT_DUPLICATE ||
		    a->type == FW_ACT_QUARANTINE) {
			rows++;
			items[count++] = a->item;
		}
	}
	fw_core_committed(core, items, count, now_us);
	free(items);
	return rows;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char topic[] = "fire/v1/330106/gateway/alarm";
	static unsigned count;
	struct fw_message m = {
	    .lane = FW_LANE_ALARM,
	    .received_at_us = now_us,
	    .topic = topic,
	    .topic_len = sizeof(topic) - 1,
	    .payload = data,
	    .payload_len = size,
	    .original_len = size,
	};

	if (count++ % 1000 == 0) {
		fw_core_free(core);
		begin();
	}
	assert(commit(fw_core_message(core, &m, now_us)) > 0);
	fw_core_flush(core);
	now_us += FW_S;
	fw_core_tick(core, now_us);
	fw_core_flush_devices(core, 10);
	return 0;
}

static size_t
pack(Firewatch__V1__Report **reports, size_t count, uint8_t *out)
{
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;

	uplink.reports = reports;
	uplink.n_reports = count;
	return firewatch__v1__uplink__pack(&uplink, out);
}

size_t
fuzz_seed_input(size_t n, uint8_t *out)
{
	Firewatch__V1__Report own = FIREWATCH__V1__REPORT__INIT,
			      child = FIREWATCH__V1__REPORT__INIT;
	Firewatch__V1__Report *reports[] = {&own, &child};
	Firewatch__V1__Event fire = FIREWATCH__V1__EVENT__INIT, fault = FIREWATCH__V1__EVENT__INIT,
			     *events[] = {&fire, &fault};
	Firewatch__V1__Reading reading = FIREWATCH__V1__READING__INIT, *readings[] = {&reading};
	Firewatch__V1__Health health = FIREWATCH__V1__HEALTH__INIT;
	char text[] = "厨房烟雾", firmware[] = "1.2.3", name[] = "child";

	fire.condition = FIREWATCH__V1__CONDITION__CONDITION_FIRE;
	fire.active = true;
	fire.text = text;
	fault.condition = FIREWATCH__V1__CONDITION__CONDITION_FAULT;
	fault.point = 65539;
	reading.quantity = FIREWATCH__V1__QUANTITY__QUANTITY_TEMPERATURE_CELSIUS;
	reading.value = 65.5;
	health.battery_percent = 87;
	health.signal_dbm = -95;
	health.firmware = firmware;
	own.boot_id = 3;
	own.sequence = 41;
	own.observed_at_ms = now_us / FW_MS;
	own.events = events;
	own.n_events = 2;
	child.device_id = name;
	child.sequence = UINT64_MAX;
	child.readings = readings;
	child.n_readings = 1;
	child.health = &health;
	switch (n) {
	case 0:
		return pack(reports, 1, out);
	case 1:
		return pack(reports + 1, 1, out);
	case 2:
		return pack(reports, 2, out);
	default:
		return 0;
	}
}
