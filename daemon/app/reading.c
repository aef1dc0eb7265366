/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon reads from PostgreSQL, and when: the town, the state of an earlier run, replays
 * from quarantine. */
#include <string.h>

#include "app/state.h"
#include "base/log.h"
#include "io/store_read.h"
#include "io/town_read.h"
#include "io/window_read.h"

/* ---------------------------------------------------------------- the town, the earlier state */

static void
state_read(const struct fw_checkpoint checkpoints[FW_LANES], const char *error, void *context)
{
	struct fw_daemon *d = context;
	struct fw_core_counters c;

	d->loading = false;
	if (error) {
		fw_error("state could not be read: %s", error);
		fw_core_free(d->core);
		d->core = fw_core_new(&d->rules, d->hash_seed);
		return;
	}
	for (int k = 0; k < FW_LANES; k++)
		if (!fw_lane_seek(&d->lanes[k], &checkpoints[k]))
			fw_warning("journal lane=%s goes on with what comes", fw_lane_name(k));
	for (size_t k = 0; k < d->known_count; k++)
		fw_core_load_report(d->core, d->known[k].device, "", d->known[k].boot_id,
		    d->known[k].sequence, fw_loop_now_us(d->loop));
	d->known_count = 0;
	fw_core_loaded(d->core, fw_loop_now_us(d->loop));
	d->loaded = true;
	fw_role_take_in(d);
	fw_core_counters(d->core, &c);
	fw_notice("state read: devices=%llu incidents=%llu pages=%llu",
	    (unsigned long long)c.devices, (unsigned long long)c.incidents,
	    (unsigned long long)c.pages_pending);
	fw_reading_catch_up(d);
	if (d->town_wanted)
		fw_reading_town(d);
	fw_turn(d);
}

static void
town_read(struct fw_town *town, const char *error, void *context)
{
	struct fw_daemon *d = context;

	d->town_reading = false;
	if (!town) {
		fw_error("town could not be read: %s", error);
		d->loading = false;
		d->town_wanted = true; /* again in a second */
		return;
	}
	fw_notice("town read: sites=%zu devices=%zu", fw_town_site_count(town),
	    fw_town_device_count(town));
	fw_core_set_town(d->core, town);
	if (d->loading)
		fw_read_state(fw_store_pg(d->lanes[FW_LANE_ALARM].store),
		    d->settings->instance.name, fw_lane_journals(d->lanes).id, d->core,
		    fw_loop_now_us(d->loop), state_read, d);
	else if (d->town_wanted)
		fw_reading_town(d);
}

void
fw_reading_town(struct fw_daemon *d)
{
	struct fw_store_state alarm;

	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	d->town_wanted = d->town_reading || !alarm.up;
	if (d->town_wanted)
		return;
	d->town_reading = true;
	fw_read_town(fw_store_pg(d->lanes[FW_LANE_ALARM].store), d->hash_seed, town_read, d);
}

void
fw_reading_load(struct fw_daemon *d)
{
	struct fw_store_state alarm;

	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	if (d->loaded || d->loading || !alarm.up)
		return;
	d->loading = true;
	fw_reading_town(d);
}

/* ---------------------------------------------------------------- what people do */

static void
replay_seen(const struct fw_message *message, void *context)
{
	struct fw_daemon *d = context;
	struct fw_store_state alarm;

	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	d->replays_until = alarm.gathering;
	d->replays_wanted = true; /* there may be more than one reading holds */
	fw_actions_take(d, fw_core_message(d->core, message, fw_loop_now_us(d->loop)));
}

static void
replays_read(const char *error, void *context)
{
	struct fw_daemon *d = context;

	d->replays_reading = false;
	if (error)
		fw_warning("replays could not be read: %s", error);
	else if (d->replays_wanted)
		fw_reading_replays(d);
}

/* Not before it is written what became of the last ones: they would be taken in twice. */
void
fw_reading_replays(struct fw_daemon *d)
{
	struct fw_store_state alarm;

	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	d->replays_wanted = d->replays_reading || alarm.committed < d->replays_until;
	if (d->replays_wanted)
		return;
	d->replays_reading = true;
	fw_read_replays(fw_store_pg(d->lanes[FW_LANE_ALARM].store), replay_seen, replays_read, d);
}

static void
windows_read(struct fw_windows *windows, const char *error, void *context)
{
	struct fw_daemon *d = context;

	d->windows_reading = false;
	if (!windows) {
		fw_warning("test windows could not be read: %s", error);
		d->windows_wanted = true; /* again in a second */
		return;
	}
	fw_actions_take(d, fw_core_set_windows(d->core, windows, fw_loop_now_us(d->loop)));
	if (d->windows_wanted)
		fw_reading_windows(d);
}

void
fw_reading_windows(struct fw_daemon *d)
{
	struct fw_store_state alarm;

	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	d->windows_wanted = d->windows_reading || !alarm.up;
	if (d->windows_wanted)
		return;
	d->windows_reading = true;
	fw_read_windows(fw_store_pg(d->lanes[FW_LANE_ALARM].store), windows_read, d);
}

void
fw_reading_notified(const char *channel, const char *payload, void *context)
{
	struct fw_daemon *d = context;

	if (!d->loaded)
		d->town_wanted = true; /* what else was notified is caught up with */
	else if (strcmp(channel, "firewatch_incident") == 0)
		fw_actions_ask(d, payload);
	else if (strcmp(channel, "firewatch_quarantine") == 0)
		fw_reading_replays(d);
	else if (strcmp(channel, "firewatch_town") == 0)
		fw_reading_town(d);
	else if (strcmp(channel, "firewatch_window") == 0)
		fw_reading_windows(d);
}

/* What was notified while nobody listened. */
void
fw_reading_catch_up(struct fw_daemon *d)
{
	fw_actions_ask(d, NULL);
	fw_reading_replays(d);
	fw_reading_windows(d);
}
