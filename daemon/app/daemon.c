/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: its start ladder, its stop ladder in reverse, and what its parts tell it in between.
 */
#include "app/daemon.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/state.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/config_file.h"
#include "io/service.h"
#include "io/store_read.h"

#define WHY_MAX 512
#define DRAIN_US (10 * FW_S)   /* what is not committed by then stays in the journal */
#define GIVE_BACK_US FW_S      /* the lease, so that the standby need not wait */
#define DEVICES_A_SECOND 20000 /* ledger rows written behind */
#define PARTITIONS_EVERY_US (3600 * FW_S)
#define PARTITIONS_AHEAD_DAYS 7

static struct fw_webhook_options
make_webhook_options(const struct fw_settings *s)
{
	return (struct fw_webhook_options){
	    .timeout_ms = s->notify.timeout_ms,
	    .allow_insecure = s->notify.allow_insecure,
	    .user_agent = "firewatchd/" FW_VERSION,
	};
}

static enum fw_log_level
log_level(const struct fw_settings *s)
{
	static const struct {
		const char *name;
		enum fw_log_level level;
	} levels[] = {{"error", FW_LOG_ERROR}, {"warning", FW_LOG_WARNING},
	    {"notice", FW_LOG_NOTICE}, {"info", FW_LOG_INFO}, {"debug", FW_LOG_DEBUG}};

	for (size_t k = 0; k < sizeof(levels) / sizeof(levels[0]); k++)
		if (strcmp(s->log.level, levels[k].name) == 0)
			return levels[k].level;
	return FW_LOG_INFO;
}

/* ---------------------------------------------------------------- what the stores tell */

static void
store_up(struct fw_daemon *d, enum fw_lane id, bool up)
{
	if (!up || id != FW_LANE_ALARM) {
		fw_turn(d);
		return;
	}
	if (d->loaded) {
		fw_reading_town(d);
		fw_reading_catch_up(d);
		fw_turn(d);
	} else {
		fw_reading_load(d);
	}
}

static void
alarm_up(bool up, const char *why, void *context)
{
	(void)why; /* the connection has told it */
	store_up(context, FW_LANE_ALARM, up);
}

static void
telemetry_up(bool up, const char *why, void *context)
{
	(void)why;
	store_up(context, FW_LANE_TELEMETRY, up);
}

static void
batch_committed(struct fw_daemon *d, struct fw_lane_unit *lane, const struct fw_committed *done)
{
	int64_t now_us = fw_loop_now_us(d->loop);

	for (size_t k = 0; k < done->claimed_count; k++)
		fw_actions_run(d, fw_core_claimed(d->core, done->claimed[k], true, now_us));
	for (size_t k = 0; k < done->refused_count; k++)
		fw_actions_run(d, fw_core_claimed(d->core, done->refused[k], false, now_us));
	fw_lane_committed(lane, done, now_us);
	fw_turn_send(d); /* so that the server is not idle while devices are told */
	fw_actions_run(d, fw_core_committed(d->core, done->items, done->item_count, now_us));
	if (d->replays_wanted)
		fw_reading_replays(d);
	fw_turn(d);
}

static void
alarm_committed(const struct fw_committed *done, void *context)
{
	struct fw_daemon *d = context;

	batch_committed(d, &d->lanes[FW_LANE_ALARM], done);
}

static void
telemetry_committed(const struct fw_committed *done, void *context)
{
	struct fw_daemon *d = context;

	batch_committed(d, &d->lanes[FW_LANE_TELEMETRY], done);
}

static void
page_done(const char *id, const char *error, void *context)
{
	struct fw_daemon *d = context;

	fw_actions_take(d, fw_core_sent(d->core, id, error, fw_loop_now_us(d->loop)));
}

static char *
control_answer(const char *line, void *context)
{
	return strcmp(line, "status") == 0 ? fw_status_json(context) : NULL;
}

static void begin_stop(struct fw_daemon *d, const char *why);

/* ---------------------------------------------------------------- time */

static void
tick(void *context)
{
	struct fw_daemon *d = context;

	int64_t now_us = fw_loop_now_us(d->loop);

	if (!d->loaded)
		return;
	fw_hear(d, now_us);
	fw_actions_run(d, fw_core_tick(d->core, now_us));
	fw_turn(d);
}

static void
write_ledger_behind(struct fw_daemon *d, int64_t now_us)
{
	struct fw_actions actions = fw_core_flush_devices(d->core, DEVICES_A_SECOND);
	int64_t before = now_us;

	if (!actions.count)
		return;
	for (int k = 0; k < FW_LANES; k++) {
		int64_t settled = fw_lane_settled_before_us(&d->lanes[k], now_us);

		if (settled < before)
			before = settled;
	}
	fw_store_set_ledger_mark(d->lanes[FW_LANE_TELEMETRY].store, now_us - before);
	fw_actions_run(d, actions);
}

/* At most a line a second of each; which incident it was is in its timeline. */
static void
tell_unheard(struct fw_daemon *d)
{
	struct fw_core_counters c;

	fw_core_counters(d->core, &c);
	if (c.nobody > d->told.nobody)
		fw_error("emergency without anyone on duty: %llu times since the last such line",
		    (unsigned long long)(c.nobody - d->told.nobody));
	if (c.unreached > d->told.unreached)
		fw_error(
		    "emergency that no page has reached anybody about: %llu times since the last such line",
		    (unsigned long long)(c.unreached - d->told.unreached));
	if (c.pages_failed > d->told.pages_failed)
		fw_warning("pages that failed for good: %llu since the last such line",
		    (unsigned long long)(c.pages_failed - d->told.pages_failed));
	d->told = c;
}

static void
tell_manager(struct fw_daemon *d)
{
	struct fw_core_counters c;

	fw_core_counters(d->core, &c);
	fw_service_status("%s; devices=%llu incidents=%llu pages pending=%llu",
	    d->stopping             ? "stopping"
	    : fw_status_is_ready(d) ? "ready"
				    : "taking in, not all connected",
	    (unsigned long long)c.devices, (unsigned long long)c.incidents,
	    (unsigned long long)c.pages_pending);
	fw_service_alive();
}

static void
partitions_kept(const char *error, void *context)
{
	(void)context;
	if (error)
		fw_warning("partitions could not be made or dropped: %s", error);
}

static void
every_second(void *context)
{
	struct fw_daemon *d = context;
	int64_t now_us = fw_loop_now_us(d->loop);

	fw_timer_set(d->second_timer, FW_S);
	tell_manager(d);
	fw_role_watch(d, now_us);
	if (d->role == FW_ROLE_STANDBY)
		fw_handover(d);
	for (int k = 0; k < FW_LANES && !d->stopping && d->taking_in; k++)
		if (!fw_lane_watch(&d->lanes[k])) {
			d->exit_code = 1;
			begin_stop(d,
			    "a journal that cannot be written: a new start begins a new segment");
		}
	fw_reading_load(d);
	if (!d->loaded)
		return;
	if (d->town_wanted)
		fw_reading_town(d);
	if (d->windows_wanted)
		fw_reading_windows(d);
	fw_hear(d, now_us);
	/* Also tells it of a clock that was set back. */
	fw_actions_run(d, fw_core_tick(d->core, now_us));
	if (fw_lane_has_room_behind(&d->lanes[FW_LANE_TELEMETRY]))
		write_ledger_behind(d, now_us);
	tell_unheard(d);
	if (now_us - d->partitions_kept_at_us >= PARTITIONS_EVERY_US ||
	    now_us < d->partitions_kept_at_us) {
		d->partitions_kept_at_us = now_us;
		fw_keep_partitions(fw_store_pg(d->lanes[FW_LANE_TELEMETRY].store),
		    PARTITIONS_AHEAD_DAYS, (int)d->settings->database.retention_days,
		    partitions_kept, d);
	}
	fw_turn(d);
}

/* ---------------------------------------------------------------- reload */

static void
adopt(struct fw_daemon *d, const struct fw_settings *wanted)
{
	const struct fw_setting *fixed = fw_settings_restart_needed(d->settings, wanted);
	struct fw_webhook_options webhook;

	if (fixed)
		fw_warning(
		    "reload: %s.%s and what else is not reloadable keeps its value until a restart",
		    fixed->section, fixed->name);
	fw_settings_reload(d->settings, wanted);
	d->rules = fw_rules_of(d->settings);
	webhook = make_webhook_options(d->settings);
	fw_core_set_rules(d->core, &d->rules);
	fw_webhook_set_options(d->webhook, &webhook);
	for (int k = 0; k < FW_LANES; k++)
		fw_lane_reload(&d->lanes[k], d->settings);
	fw_log_set_level(log_level(d->settings));
	fw_notice("reload: %s taken over", d->config_path);
}

static void
reload(struct fw_daemon *d)
{
	struct fw_settings wanted;
	char why[WHY_MAX];

	fw_service_reloading();
	fw_settings_init(&wanted);
	if (fw_config_read(d->config_path, &wanted, why, sizeof(why)) == FW_OK)
		adopt(d, &wanted);
	else
		fw_error("reload refused, the old settings stay: %s", why);
	fw_settings_fini(&wanted);
	d->town_wanted = true;
	fw_service_ready();
}

/* ---------------------------------------------------------------- stop ladder, first half: drain
 */

static void
stop_now(void *context)
{
	struct fw_daemon *d = context;

	fw_loop_stop(d->loop);
}

static bool
is_drained(const struct fw_daemon *d)
{
	return !d->loaded || (fw_lane_is_idle(&d->lanes[FW_LANE_ALARM]) &&
				 fw_lane_is_idle(&d->lanes[FW_LANE_TELEMETRY]) &&
				 fw_webhook_under_way(d->webhook) == 0);
}

static void
give_back(struct fw_daemon *d)
{
	if (d->giving_back)
		return;
	d->giving_back = true;
	fw_lease_give(d->lease, stop_now, d);
	fw_timer_set(d->stop_timer, GIVE_BACK_US);
}

static void
drain(void *context)
{
	struct fw_daemon *d = context;
	int64_t now_us = fw_loop_now_us(d->loop);

	if (d->giving_back) {
		stop_now(d);
		return;
	}
	if (d->loaded) {
		write_ledger_behind(d, now_us);
		fw_turn(d);
	}
	if (is_drained(d) || now_us < d->stopping_at_us || now_us >= d->stopping_at_us + DRAIN_US) {
		if (!is_drained(d))
			fw_warning(
			    "not everything could be committed in time: the journal keeps it for the next start");
		give_back(d);
		return;
	}
	fw_timer_set(d->stop_timer, 20 * FW_MS);
}

static void
begin_stop(struct fw_daemon *d, const char *why)
{
	if (d->stopping) {
		fw_loop_stop(d->loop);
		return;
	}
	fw_notice("stopping on %s", why);
	fw_service_stopping();
	d->stopping = true;
	d->stopping_at_us = fw_loop_now_us(d->loop);
	for (int k = 0; k < FW_LANES; k++)
		fw_mqtt_stop(d->lanes[k].mqtt);
	drain(d);
}

static void
signalled(int number, void *context)
{
	if (number == SIGHUP)
		reload(context);
	else
		begin_stop(context, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---------------------------------------------------------------- ladders */

static int
open_lanes(struct fw_daemon *d, char *why, size_t why_size)
{
	const struct fw_store_handlers handlers[FW_LANES] = {
	    [FW_LANE_ALARM] = {.up = alarm_up,
		.committed = alarm_committed,
		.known = fw_role_known,
		.take_back = fw_role_take_back,
		.fenced = fw_role_fenced,
		.notified = fw_reading_notified,
		.context = d},
	    [FW_LANE_TELEMETRY] = {.up = telemetry_up,
		.committed = telemetry_committed,
		.known = fw_role_known,
		.take_back = fw_role_take_back,
		.fenced = fw_role_fenced,
		.notified = fw_reading_notified,
		.context = d},
	};
	int error = FW_OK;

	for (int k = 0; k < FW_LANES && error == FW_OK; k++)
		error =
		    fw_lane_open(&d->lanes[k], (enum fw_lane)k, d->lanes[FW_LANE_ALARM].journal_id,
			d->loop, d->settings, &handlers[k], fw_turn, d, why, why_size);
	return error;
}

static int
start(struct fw_daemon *d, char *why, size_t why_size)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct fw_webhook_options webhook = make_webhook_options(d->settings);
	int error;

	d->loop = fw_loop_new();
	d->started_at_us = fw_loop_now_us(d->loop);
	for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
		d->signals[k] = fw_signal_new(d->loop, numbers[k], signalled, d);
	d->turn_timer = fw_timer_new(d->loop, fw_turn, d);
	d->tick_timer = fw_timer_new(d->loop, tick, d);
	d->second_timer = fw_timer_new(d->loop, every_second, d);
	d->stop_timer = fw_timer_new(d->loop, drain, d);
	d->rules = fw_rules_of(d->settings);
	d->core = fw_core_new(&d->rules, d->hash_seed);
	d->webhook = fw_webhook_new(d->loop, &webhook, page_done, d);
	error = open_lanes(d, why, why_size);
	if (error == FW_OK)
		error = fw_control_new(&d->control, d->loop, d->settings->control.socket,
		    control_answer, d, why, why_size);
	if (error != FW_OK)
		return error;
	fw_role_start(d);
	fw_timer_set(d->second_timer, 0);
	return FW_OK;
}

static void
stop(struct fw_daemon *d)
{
	fw_control_free(d->control);
	fw_lease_free(d->lease);
	fw_handover_free(d->handover);
	for (int k = 0; k < FW_LANES; k++)
		fw_lane_close(&d->lanes[k]);
	fw_webhook_free(d->webhook);
	fw_core_free(d->core);
	fw_timer_free(d->stop_timer);
	fw_timer_free(d->second_timer);
	fw_timer_free(d->tick_timer);
	fw_timer_free(d->turn_timer);
	for (size_t k = 0; k < sizeof(d->signals) / sizeof(d->signals[0]); k++)
		fw_signal_free(d->signals[k]);
	fw_loop_free(d->loop);
}

/* One round: start ladder, the loop, stop ladder.  True: begin anew. */
static bool
run_once(struct fw_daemon *d, bool first)
{
	char why[WHY_MAX] = "";
	int error = start(d, why, sizeof(why));
	bool again;

	if (error == FW_OK) {
		fw_notice("firewatchd %s %s: instance=%s config=%s", FW_VERSION,
		    first ? "started" : "began anew", d->settings->instance.name, d->config_path);
		fw_service_ready();
		fw_loop_run(d->loop);
	} else {
		fw_error("cannot start: %s", *why ? why : fw_strerror(error));
		d->exit_code = 1;
	}
	again = error == FW_OK && d->again && !d->stopping;
	stop(d);
	memset((char *)d + offsetof(struct fw_daemon, loop), 0,
	    sizeof(*d) - offsetof(struct fw_daemon, loop));
	return again;
}

int
fw_daemon_run(struct fw_settings *settings, const char *config_path)
{
	struct fw_daemon d = {.settings = settings, .config_path = config_path, .trusting = true};
	bool first = true;

	fw_log_init(log_level(settings), fw_service_has_journal());
	if (getrandom(&d.hash_seed, sizeof(d.hash_seed), 0) != (ssize_t)sizeof(d.hash_seed))
		abort();
	while (run_once(&d, first))
		first = false;
	fw_notice("stopped");
	free(d.known);
	fw_settings_fini(settings);
	return d.exit_code;
}
