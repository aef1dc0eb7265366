/* SPDX-License-Identifier: Apache-2.0 */
/* What `firewatchctl status` shows: the counters of every part, and whether the whole is ready. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/state.h"
#include "base/time.h"

static void
set(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
journal_json(const struct fw_lane_unit *lane)
{
	struct fw_journal_state s;
	json_t *o = json_object();

	fw_journal_state(lane->journal, &s);
	set(o, "written", s.written);
	set(o, "synced", s.synced);
	set(o, "read", s.read);
	set(o, "released", s.released);
	set(o, "records", s.records);
	set(o, "refused", s.refused);
	set(o, "read_records", s.read_records);
	set(o, "found_records", s.found_records);
	set(o, "lost_records", s.lost_records);
	set(o, "damaged", s.damaged);
	set(o, "damaged_bytes", s.damaged_bytes);
	set(o, "sync_errors", s.sync_errors);
	set(o, "files_bytes", s.files_bytes);
	set(o, "quota_bytes", s.quota_bytes);
	set(o, "filled_percent", fw_journal_filled_percent(lane->journal));
	json_object_set_new(o, "failed", json_boolean(s.failed));
	return o;
}

static json_t *
session_json(const struct fw_lane_unit *lane)
{
	struct fw_mqtt_state s;
	json_t *o = json_object();

	fw_mqtt_state(lane->mqtt, &s);
	json_object_set_new(o, "up", json_boolean(s.up));
	set(o, "connects", s.connects);
	set(o, "losses", s.losses);
	set(o, "sessions_lost", s.sessions_lost);
	set(o, "received", s.received);
	set(o, "published", s.published);
	set(o, "dropped", s.dropped);
	return o;
}

static json_t *
store_json(const struct fw_lane_unit *lane)
{
	struct fw_store_state s;
	json_t *o = json_object();

	fw_store_state(lane->store, &s);
	json_object_set_new(o, "up", json_boolean(s.up));
	set(o, "gathered_rows", s.gathered_rows);
	set(o, "under_way_rows", s.under_way_rows);
	set(o, "rows", s.rows);
	set(o, "transactions", s.transactions);
	set(o, "retries", s.retries);
	set(o, "connects", s.connects);
	set(o, "known", s.known);
	set(o, "set_aside", s.set_aside);
	set(o, "last_commit_us", (uint64_t)s.last_commit_took_us);
	return o;
}

static uint64_t
items_in_flight(const struct fw_daemon *d, enum fw_lane lane)
{
	uint64_t items = 0;

	for (int k = 0; k < FW_LANES; k++) {
		struct fw_store_state s;

		fw_store_state(d->lanes[k].store, &s);
		items += s.items[lane];
	}
	return items;
}

/* What a standby reads of its journal goes to the active daemon, not to its own core. */
static bool
all_read_is_taken(const struct fw_daemon *d, enum fw_lane lane, const struct fw_core_counters *c,
    const struct fw_journal_state *s)
{
	return fw_handover_has_begun(d) || c->messages[lane] - c->replays[lane] == s->read_records;
}

/* See core.h. */
static json_t *
identity_json(const struct fw_daemon *d, enum fw_lane lane, const struct fw_core_counters *c)
{
	struct fw_journal_state s;
	uint64_t items = c->items[lane], in_flight = items_in_flight(d, lane), journalled;
	json_t *o = json_object();

	fw_journal_state(d->lanes[lane].journal, &s);
	journalled = s.records + s.found_records - s.read_records - s.lost_records;
	set(o, "received", items + journalled);
	set(o, "committed", c->committed[lane]);
	set(o, "duplicates", c->committed_duplicates[lane]);
	set(o, "quarantined", c->committed_quarantined[lane]);
	set(o, "in_flight", in_flight);
	set(o, "journalled", journalled);
	json_object_set_new(o, "holds",
	    json_boolean(all_read_is_taken(d, lane, c, &s) &&
			 items == c->reports[lane] + c->duplicates[lane] + c->quarantined[lane] &&
			 items == c->committed[lane] + c->committed_duplicates[lane] +
				      c->committed_quarantined[lane] + in_flight &&
			 (journalled == 0 || s.written > s.read || s.damaged > 0)));
	return o;
}

static json_t *
lane_json(
    const struct fw_daemon *d, const struct fw_lane_unit *lane, const struct fw_core_counters *c)
{
	json_t *o = json_object();

	json_object_set_new(o, "identity", identity_json(d, lane->id, c));
	set(o, "messages", c->messages[lane->id]);
	set(o, "reports", c->reports[lane->id]);
	set(o, "duplicates", c->duplicates[lane->id]);
	set(o, "quarantined", c->quarantined[lane->id]);
	json_object_set_new(o, "mqtt", session_json(lane));
	json_object_set_new(o, "journal", journal_json(lane));
	json_object_set_new(o, "database", store_json(lane));
	return o;
}

/* Report rows whose key was there already: committed, though no row was added. */
static uint64_t
known_by_database(const struct fw_daemon *d)
{
	uint64_t known = 0;

	for (int k = 0; k < FW_LANES; k++) {
		struct fw_store_state s;

		fw_store_state(d->lanes[k].store, &s);
		known += s.known;
	}
	return known;
}

bool
fw_status_is_ready(const struct fw_daemon *d)
{
	for (int k = 0; k < FW_LANES; k++) {
		struct fw_mqtt_state session;
		struct fw_store_state store;

		fw_mqtt_state(d->lanes[k].mqtt, &session);
		fw_store_state(d->lanes[k].store, &store);
		if (!session.up || !store.up)
			return false;
	}
	return d->loaded && !d->stopping;
}

char *
fw_status_json(const struct fw_daemon *d)
{
	static const char *const roles[] = {"unknown", "standby", "active"};
	struct fw_core_counters c;
	json_t *o = json_object(), *lanes = json_object();
	char *text;

	fw_core_counters(d->core, &c);
	json_object_set_new(o, "version", json_string(FW_VERSION));
	json_object_set_new(o, "instance", json_string(d->settings->instance.name));
	json_object_set_new(o, "role", json_string(roles[d->role]));
	set(o, "fence", d->fence);
	json_object_set_new(o, "ready", json_boolean(fw_status_is_ready(d)));
	set(o, "pid", (uint64_t)getpid());
	set(o, "uptime_s", (uint64_t)((fw_loop_now_us(d->loop) - d->started_at_us) / FW_S));
	if (fw_core_town(d->core)) {
		set(o, "town_sites", fw_town_site_count(fw_core_town(d->core)));
		set(o, "town_devices", fw_town_device_count(fw_core_town(d->core)));
	}
	set(o, "devices", c.devices);
	set(o, "incidents_open", c.incidents);
	set(o, "incidents_opened", c.incidents_opened);
	set(o, "hazards_found", c.hazards);
	set(o, "test_windows", c.windows);
	set(o, "alarms_opened", c.alarms_opened);
	set(o, "pages", c.pages);
	set(o, "pages_pending", c.pages_pending);
	set(o, "pages_failed", c.pages_failed);
	set(o, "emergencies_without_anyone", c.nobody);
	set(o, "emergencies_unreached", c.unreached);
	set(o, "promoted", c.promoted);
	set(o, "chatters", c.chatters);
	set(o, "floods", c.floods);
	set(o, "boots_forgotten", c.boots_forgotten);
	set(o, "watches", c.watches);
	set(o, "watches_refused", c.watches_refused);
	set(o, "known_by_database", known_by_database(d));
	for (int k = 0; k < FW_LANES; k++)
		json_object_set_new(
		    lanes, fw_lane_name((enum fw_lane)k), lane_json(d, &d->lanes[k], &c));
	json_object_set_new(o, "lanes", lanes);
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}
