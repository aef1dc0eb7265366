/* SPDX-License-Identifier: Apache-2.0 */
/* Inside app/: the daemon's parts, and how the files of this folder work together.
 *
 *	daemon.c   start ladder, stop ladder, signals, what the parts tell
 *	turn.c     one turn of the wheel: read, decide, write
 *	reading.c  what is read from PostgreSQL, and when
 *	actions.c  carries out what the core has decided
 *	lane.c     a session, a journal and a store in a row
 *	status.c   what `firewatchctl status` shows
 */
#ifndef FW_APP_STATE_H
#define FW_APP_STATE_H

#include "app/lane.h"
#include "io/control.h"
#include "io/webhook.h"

struct fw_daemon {
	struct fw_settings *settings;
	const char *config_path;
	struct fw_loop *loop;
	struct fw_rules rules; /* what the settings decide */
	struct fw_core *core;
	struct fw_lane_unit lanes[FW_LANES];
	struct fw_webhook *webhook;
	struct fw_control *control;
	struct fw_signal *signals[3];
	struct fw_timer *turn_timer; /* another turn, at once */
	struct fw_timer *tick_timer; /* the core's next deadline */
	struct fw_timer *second_timer;
	struct fw_timer *stop_timer; /* the stop ladder's patience */
	uint64_t hash_seed;
	int64_t started_at_us, partitions_kept_at_us, stopping_at_us;
	bool loading; /* the earlier state is being read */
	bool loaded;  /* … and has been: the core decides */
	bool town_wanted, town_reading;
	bool replays_wanted, replays_reading;
	uint64_t replays_until; /* the alarm lane's batch that tells what became of those taken in
				   last */
	bool stopping;
	int exit_code;
	uint64_t nobody_told;
};

/* turn.c: whatever has changed, go on. */
void fw_turn(void *daemon);

/* actions.c */
void fw_actions_run(struct fw_daemon *d, struct fw_actions actions);
/* … and take another turn soon. */
void fw_actions_take(struct fw_daemon *d, struct fw_actions actions);
/* Reads what people have done about an incident, or with NULL about all that matter. */
void fw_actions_ask(struct fw_daemon *d, const char *incident_id);

/* reading.c */
void fw_reading_load(struct fw_daemon *d); /* the earlier state, unless it is there or on its way */
void fw_reading_town(struct fw_daemon *d);
void fw_reading_replays(struct fw_daemon *d);
void fw_reading_catch_up(struct fw_daemon *d); /* with what was notified while nobody listened */
void fw_reading_notified(const char *channel, const char *payload, void *daemon);

/* status.c: JSON text, malloc'ed */
char *fw_status_json(const struct fw_daemon *d);
bool fw_status_is_ready(const struct fw_daemon *d);

#endif
