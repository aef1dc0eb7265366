/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the core has decided, in its order: rows go to the lane's store, pages to their
 * channel, receipts to devices. */
#include <stdio.h>
#include <stdlib.h>

#include "app/state.h"
#include "base/log.h"
#include "io/page_json.h"
#include "io/store_read.h"

static void
send_page(struct fw_daemon *d, const struct fw_page *page)
{
	char *json = fw_page_json(page, fw_core_town(d->core));

	if (page->unclaimed) /* should its record never be written, this line is what is left of it
			      */
		fw_warning("page %s to %s is sent before it is recorded", page->id, page->person);
	fw_webhook_post(d->webhook, page->id, page->target, json);
	free(json);
}

static void
publish_receipt(struct fw_daemon *d, const struct fw_action *action)
{
	struct fw_mqtt *telemetry = d->lanes[FW_LANE_TELEMETRY].mqtt;
	char topic[FW_DIVISION_MAX + FW_DEVICE_MAX + 32];
	struct fw_mqtt_state session;

	fw_mqtt_state(telemetry, &session);
	snprintf(topic, sizeof(topic), "fire/v1/%s/%s/receipt", action->u.receipt.division,
	    action->u.receipt.device);
	fw_mqtt_publish(session.up ? telemetry : d->lanes[FW_LANE_ALARM].mqtt, topic,
	    action->u.receipt.bytes, action->u.receipt.len, 0);
}

static void
run(struct fw_daemon *d, const struct fw_action *action)
{
	switch (action->type) {
	case FW_ACT_REPORT:
	case FW_ACT_DUPLICATE:
	case FW_ACT_QUARANTINE:
	case FW_ACT_REPLAYED:
	case FW_ACT_REGISTER:
	case FW_ACT_ALARM:
	case FW_ACT_INCIDENT:
	case FW_ACT_STEP:
	case FW_ACT_PAGE:
	case FW_ACT_CLAIM:
	case FW_ACT_RESULT:
	case FW_ACT_TIMELINE:
	case FW_ACT_FLOOD:
	case FW_ACT_HAZARD:
	case FW_ACT_WATCH:
	case FW_ACT_STATUS:
	case FW_ACT_LEDGER:
	case FW_ACT_OUTAGE:
	case FW_ACT_LEDGER_MARK:
		fw_store_add(d->lanes[action->lane].store, action);
		break;
	case FW_ACT_WINDOW:
		fw_notice("window %s is over", action->u.window.window->id);
		fw_store_add(d->lanes[action->lane].store, action);
		break;
	case FW_ACT_SEND:
		send_page(d, action->u.page);
		break;
	case FW_ACT_ASK:
		fw_actions_ask(d, action->u.incident->id);
		break;
	case FW_ACT_RECEIPT:
		publish_receipt(d, action);
		break;
	}
}

void
fw_actions_run(struct fw_daemon *d, struct fw_actions actions)
{
	for (size_t k = 0; k < actions.count; k++)
		run(d, &actions.items[k]);
}

void
fw_actions_take(struct fw_daemon *d, struct fw_actions actions)
{
	fw_actions_run(d, actions);
	fw_timer_set(d->turn_timer, 0);
}

static void
act_seen(const struct fw_act *act, void *context)
{
	struct fw_daemon *d = context;

	fw_actions_take(d, fw_core_acted(d->core, act, fw_loop_now_us(d->loop)));
}

static void
ask_done(const char *error, void *context)
{
	(void)context;
	if (error)
		fw_warning("answers could not be read: %s", error);
}

void
fw_actions_ask(struct fw_daemon *d, const char *incident_id)
{
	fw_read_acts(
	    fw_store_pg(d->lanes[FW_LANE_ALARM].store), incident_id, act_seen, ask_done, d);
}
