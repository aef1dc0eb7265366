/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane: an MQTT session, a journal and a PostgreSQL connection in a row.  The session's messages
 * are appended to the journal on Paho's thread; the loop reads them back, has the core decide, and
 * gathers the rows; a checkpoint goes with each batch.
 *
 * All functions but the session's message callback run in the loop.
 */
#ifndef FW_APP_LANE_H
#define FW_APP_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "io/journal.h"
#include "io/loop.h"
#include "io/mqtt.h"
#include "io/store.h"
#include "io/store_read.h"
#include "model/settings.h"

struct fw_lane_unit {
	enum fw_lane id;
	struct fw_journal *journal;
	struct fw_watch *journal_watch;
	struct fw_mqtt *mqtt;
	struct fw_store *store;
	void (*readable)(void *context); /* there may be something to read */
	void *readable_context;
	size_t max_payload_bytes;
	size_t gather_most; /* rows gathered before reading pauses … */
	bool away;          /* … telemetry: more, while PostgreSQL does not answer */
	uint64_t journal_id;
	bool taken_over; /* the session, by another client; it waits for the lease to be confirmed …
			  */
	uint64_t confirmed_at; /* … with this renewal; 0: not asked yet */
	uint64_t refused_seen; /* refused appends when the session was last lost */
	bool cut;              /* for want of room: to be resumed as soon as there is some */
	bool paused;           /* the session is stopped: the journal is nearly full */
	uint64_t refused_told; /* refused appends that have been logged */
	uint64_t damaged_told;
	/* Telemetry: the batch may go only when this batch of the alarm lane, with what it
	 * promoted, is committed. */
	uint64_t wait_for_alarm;
	/* Receive time of the oldest message in the batch gathered, and in the one under way; 0
	 * none. */
	int64_t gathered_since_us, under_way_since_us;
	int64_t last_read_us;
	uint64_t read_to; /* all that was written up to there has been read */
	bool at_end;      /* of the journal, at the last read */
	bool flowing;     /* messages come so fast that the journal is looked at now and then … */
	int64_t sent_at_us; /* … and a batch grows for a while after this */
};

struct fw_journals {
	uint64_t id[FW_LANES];
};

struct fw_journals fw_lane_journals(const struct fw_lane_unit lanes[FW_LANES]);

/* Opens the journal and makes session and store; whoever opened it starts them.  `holder` is the
 * alarm journal's id, 0 while that one is opened.  On failure `why` tells. */
FW_MUST_CHECK int fw_lane_open(struct fw_lane_unit *lane, enum fw_lane id, uint64_t holder,
    struct fw_loop *loop, const struct fw_settings *s,
    const struct fw_store_handlers *store_handlers, void (*readable)(void *context), void *context,
    char *why, size_t why_size);
void fw_lane_close(struct fw_lane_unit *lane);
void fw_lane_reload(
    struct fw_lane_unit *lane, const struct fw_settings *s); /* what is reloadable */

/* Goes on where the checkpoint says, or at the beginning.  Loud about what the journal does not
 * hold any more; false: it cannot be read. */
bool fw_lane_seek(struct fw_lane_unit *lane, const struct fw_checkpoint *checkpoint);

/* PostgreSQL is not connected, or has not answered a batch for a while. */
bool fw_lane_is_away(const struct fw_lane_unit *lane);

/* For the rows of another message. */
bool fw_lane_has_room(const struct fw_lane_unit *lane);
/* Of the telemetry lane, for rows that are no message's. */
bool fw_lane_has_room_behind(const struct fw_lane_unit *lane);

/* The next message of the lane, while there is room for its rows.  FW_EAGAIN: none, or no room. */
FW_MUST_CHECK int fw_lane_next(struct fw_lane_unit *lane, struct fw_message *out);

/* Sends what is gathered, if the lane can; of a steady flow only now and then. */
void fw_lane_send(struct fw_lane_unit *lane, uint64_t alarm_committed, int64_t now_us);
void fw_lane_committed(struct fw_lane_unit *lane, const struct fw_committed *done, int64_t now_us);

/* Every report received before is committed. */
int64_t fw_lane_settled_before_us(const struct fw_lane_unit *lane, int64_t now_us);

/* Every message received before has been read; now_us when there is nothing unread. */
int64_t fw_lane_read_until_us(const struct fw_lane_unit *lane, int64_t now_us);

/* Messages can come: the session is up. */
bool fw_lane_listens(const struct fw_lane_unit *lane);

/* Nothing unread, gathered or under way. */
bool fw_lane_is_idle(const struct fw_lane_unit *lane);

/* Once a second: logs what was refused or damaged, stops the session before the journal is full,
 * and starts it again.  False: the journal has failed, only a new start can go on. */
FW_MUST_CHECK bool fw_lane_watch(struct fw_lane_unit *lane);

#endif
