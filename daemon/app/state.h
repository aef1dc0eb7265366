/* SPDX-License-Identifier: Apache-2.0 */
/* Inside app/: the daemon's parts, and how the files of this folder work together.
 *
 *	daemon.c   start ladder, stop ladder, signals, what the parts tell
 *	turn.c     one turn of the wheel: read, decide, write
 *	hearing.c  up to when, and when not, devices can be heard
 *	reading.c  what is read from PostgreSQL, and when
 *	actions.c  carries out what the core has decided
 *	lane.c     a session, a journal and a store in a row
 *	role.c     whether this daemon is the active one of its instance
 *	handover.c what a daemon that is not the active one does with its journal
 *	status.c   what `firewatchctl status` shows
 */
#ifndef FW_APP_STATE_H
#define FW_APP_STATE_H

#include "app/lane.h"
#include "io/control.h"
#include "io/lease.h"
#include "io/webhook.h"

enum fw_role { FW_ROLE_UNKNOWN, FW_ROLE_STANDBY, FW_ROLE_ACTIVE };

/* A report that the database has and the core did not know of. */
struct fw_known {
	char device[FW_DEVICE_MAX + 1];
	uint32_t boot_id;
	uint64_t sequence;
};

struct fw_handover;

struct fw_daemon {
	/* What outlives a new beginning. */
	struct fw_settings *settings;
	const char *config_path;
	uint64_t hash_seed;
	struct fw_known *known; /* for the core of the next round */
	size_t known_count, known_cap;
	int64_t taken_back_at_us; /* last, for such a report */
	bool trusting;            /* that this does not happen again at once */
	int exit_code;

	/* What is made by the start ladder: everything from here on is zero before it. */
	struct fw_loop *loop;
	struct fw_rules rules; /* what the settings decide */
	struct fw_core *core;
	struct fw_lane_unit lanes[FW_LANES];
	struct fw_webhook *webhook;
	struct fw_control *control;
	struct fw_lease *lease;
	struct fw_handover *handover; /* NULL: none has begun */
	enum fw_role role;
	uint64_t fence;
	bool taking_in; /* the sessions are started, or paused for want of room */
	bool again;     /* stop, and start anew */
	struct fw_signal *signals[3];
	struct fw_timer *turn_timer; /* another turn, at once */
	struct fw_timer *tick_timer; /* the core's next deadline */
	struct fw_timer *second_timer;
	struct fw_timer *stop_timer; /* the stop ladder's patience */
	int64_t started_at_us, active_since_us, partitions_kept_at_us, stopping_at_us;
	bool loading; /* the earlier state is being read */
	bool loaded;  /* … and has been: the core decides */
	bool town_wanted, town_reading;
	bool replays_wanted, replays_reading;
	bool windows_wanted, windows_reading;
	uint64_t replays_until; /* the alarm lane's batch that tells what became of those taken in
				   last */
	bool stopping, giving_back;
	struct fw_core_counters told; /* what has been logged of them */
};

/* turn.c: whatever has changed, go on. */
void fw_turn(void *daemon);
/* Sends what is gathered. */
void fw_turn_send(struct fw_daemon *d);

/* actions.c */
void fw_actions_run(struct fw_daemon *d, struct fw_actions actions);
/* … and take another turn soon. */
void fw_actions_take(struct fw_daemon *d, struct fw_actions actions);
/* Reads what people have done about an incident, or with NULL about all that matter. */
void fw_actions_ask(struct fw_daemon *d, const char *incident_id);

/* hearing.c: tells the core, before time passes for it */
void fw_hear(struct fw_daemon *d, int64_t now_us);

/* reading.c */
void fw_reading_load(struct fw_daemon *d); /* the earlier state, unless it is there or on its way */
void fw_reading_town(struct fw_daemon *d);
void fw_reading_replays(struct fw_daemon *d);
void fw_reading_windows(struct fw_daemon *d);
void fw_reading_catch_up(struct fw_daemon *d); /* with what was notified while nobody listened */
void fw_reading_notified(const char *channel, const char *payload, void *daemon);

/* role.c */
void fw_role_start(struct fw_daemon *d);
void fw_role_watch(struct fw_daemon *d, int64_t now_us); /* once a second */
void fw_role_take_in(struct fw_daemon *d);               /* starts the sessions with the broker */
void fw_role_begin_anew(struct fw_daemon *d, const char *why);
/* For the stores. */
void fw_role_fenced(void *daemon);
void fw_role_known(const char *device, uint32_t boot_id, uint64_t sequence, void *daemon);
void fw_role_take_back(const char *why, void *daemon);

/* handover.c: hands on what there is; again after a connect, once a second, harmless while it runs
 */
void fw_handover(struct fw_daemon *d);
bool fw_handover_has_begun(const struct fw_daemon *d);
void fw_handover_free(struct fw_handover *h);

/* status.c: JSON text, malloc'ed */
char *fw_status_json(const struct fw_daemon *d);
bool fw_status_is_ready(const struct fw_daemon *d);

#endif
