/* SPDX-License-Identifier: Apache-2.0 */
/* One lane, from its session to its store; see lane.h. */
#include "app/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/lease.h"

#define PAUSE_AT_PERCENT 95
#define RESUME_AT_PERCENT 80
/* Rows kept in memory while PostgreSQL is away: the lane goes on deciding.  They go in one
 * transaction when it is back, and each device of the telemetry lane gets its receipt then. */
#define ALARM_AWAY_MOST 500000
#define TELEMETRY_AWAY_MOST 100000
#define AWAY_US (2 * FW_S) /* without an answer */
#define GROW_US (200 * FW_MS)
#define GATHER_MOST_BYTES \
	((size_t)256 << 20) /* of a batch; PostgreSQL takes at most 1 GiB in one value */

/* ---------------------------------------------------------------- intake, on Paho's thread */

static bool
take_in(const char *topic, size_t topic_len, const void *payload, size_t payload_len, void *context)
{
	struct fw_lane_unit *lane = context;
	size_t kept = payload_len < lane->max_payload_bytes ? payload_len : lane->max_payload_bytes;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	/* A refused append is counted by the journal and told by fw_lane_watch; the broker keeps
	 * the message.  None is too large for ever: a topic has at most 64 KiB, a payload half a
	 * segment. */
	return fw_journal_append(lane->journal, ts.tv_sec * FW_S + ts.tv_nsec / 1000, topic,
		   topic_len, payload, kept, payload_len) == FW_OK;
}

static void
session_changed(enum fw_mqtt_change change, const char *why, void *context)
{
	struct fw_lane_unit *lane = context;
	struct fw_journal_state journal;

	fw_journal_state(lane->journal, &journal);
	lane->cut = change == FW_MQTT_LOST && journal.refused != lane->refused_seen;
	lane->refused_seen = journal.refused;
	lane->taken_over = change == FW_MQTT_TAKEN_OVER;
	lane->confirmed_at = 0;
	if (change == FW_MQTT_UP)
		fw_notice("mqtt lane=%s connected and subscribed", fw_lane_name(lane->id));
	else
		fw_warning("mqtt lane=%s not connected: %s", fw_lane_name(lane->id), why);
}

/* ---------------------------------------------------------------- open and close */

static int
open_journal(struct fw_lane_unit *lane, const struct fw_settings *s, char *why, size_t why_size)
{
	char directory[4096];
	bool alarm = lane->id == FW_LANE_ALARM;
	struct fw_journal_options options = {
	    .directory = directory,
	    .segment_bytes = (uint64_t)s->journal.segment_bytes,
	    .quota_bytes =
		(uint64_t)(alarm ? s->journal.alarm_quota_bytes : s->journal.telemetry_quota_bytes),
	    .keep_us = s->journal.keep_s * FW_S,
	    .sync_interval_us = alarm ? 0 : s->journal.sync_interval_ms * FW_MS,
	};
	struct fw_journal_state state;
	int error;

	if ((size_t)snprintf(directory, sizeof(directory), "%s/%s", s->journal.directory,
		fw_lane_name(lane->id)) >= sizeof(directory)) {
		snprintf(why, why_size, "journal.directory: the path is too long");
		return FW_ETOOBIG;
	}
	if (mkdir(s->journal.directory, 0700) != 0 && errno != EEXIST) {
		snprintf(why, why_size, "journal.directory: %s: %s", s->journal.directory,
		    strerror(errno));
		return FW_EIO;
	}
	error = fw_journal_open(&lane->journal, &options, why, why_size);
	if (error != FW_OK)
		return error;
	fw_journal_state(lane->journal, &state);
	lane->journal_id = state.id;
	return FW_OK;
}

/* "*", or codes separated by commas, which the settings have checked. */
static size_t
make_filters(const char *divisions, enum fw_lane id, char ***out)
{
	char *codes = fw_strdup(divisions), *rest = NULL, **filters = NULL;
	size_t count = 0, cap = 0;

	for (char *code = strtok_r(codes, ", ", &rest); code; code = strtok_r(NULL, ", ", &rest)) {
		char filter[64];

		snprintf(filter, sizeof(filter), "fire/v1/%s/+/%s",
		    strcmp(code, "*") == 0 ? "+" : code, fw_lane_name(id));
		filters = fw_grow(filters, &cap, count + 1, sizeof(*filters));
		filters[count++] = fw_strdup(filter);
	}
	free(codes);
	*out = filters;
	return count;
}

static bool
holds_anything(const struct fw_journal *journal)
{
	struct fw_journal_state state;

	fw_journal_state(journal, &state);
	return fw_journal_first(journal) < state.written;
}

static int
make_session(struct fw_lane_unit *lane, struct fw_loop *loop, const struct fw_settings *s,
    char *why, size_t why_size)
{
	struct fw_mqtt_handlers handlers = {
	    .message = take_in, .state = session_changed, .context = lane};
	char client_id[128], **filters;
	size_t count = make_filters(s->instance.divisions, lane->id, &filters);
	struct fw_mqtt_options options = {
	    .host = s->mqtt.host,
	    .port = (int)s->mqtt.port,
	    .client_id = client_id,
	    .username = s->mqtt.username,
	    .password = s->mqtt.password,
	    .ca_file = s->mqtt.ca_file,
	    .cert_file = s->mqtt.cert_file,
	    .key_file = s->mqtt.key_file,
	    .keepalive_s = (int)s->mqtt.keepalive_s,
	    .session_expiry_s = s->mqtt.session_expiry_s,
	    .receive_maximum = (int)s->mqtt.receive_maximum,
	    .retry_max_ms = s->mqtt.retry_max_ms,
	    .filters = (const char *const *)filters,
	    .filter_count = count,
	    .had_session = holds_anything(lane->journal),
	};
	int error;

	snprintf(client_id, sizeof(client_id), "firewatchd-%.64s-%s", s->instance.name,
	    fw_lane_name(lane->id));
	error = fw_mqtt_new(&lane->mqtt, loop, &options, &handlers, why, why_size);
	for (size_t k = 0; k < count; k++)
		free(filters[k]);
	free(filters);
	return error;
}

static void
make_store(struct fw_lane_unit *lane, uint64_t holder, struct fw_loop *loop,
    const struct fw_settings *s, const struct fw_store_handlers *handlers)
{
	char session_name[FW_PG_NAME_MAX];
	static const char *const channels[] = {
	    "firewatch_incident", "firewatch_quarantine", "firewatch_town", "firewatch_window"};
	struct fw_store_options options = {
	    .dsn = s->database.dsn,
	    .session_name = session_name,
	    .instance = s->instance.name,
	    .lane = lane->id,
	    .retry_max_ms = s->database.retry_max_ms,
	    .listen = channels,
	    .listen_count = lane->id == FW_LANE_ALARM ? sizeof(channels) / sizeof(channels[0]) : 0,
	};

	fw_lease_session_name(holder, fw_lane_name(lane->id), session_name, sizeof(session_name));
	lane->store = fw_store_new(loop, &options, handlers);
	fw_lane_reload(lane, s);
}

void
fw_lane_reload(struct fw_lane_unit *lane, const struct fw_settings *s)
{
	lane->gather_most =
	    lane->id == FW_LANE_ALARM ? ALARM_AWAY_MOST : (size_t)s->database.batch_reports;
}

static void
journal_ready(int what, void *context)
{
	struct fw_lane_unit *lane = context;

	(void)what;
	fw_journal_clear_fd(lane->journal);
	lane->readable(lane->readable_context);
}

int
fw_lane_open(struct fw_lane_unit *lane, enum fw_lane id, uint64_t holder, struct fw_loop *loop,
    const struct fw_settings *s, const struct fw_store_handlers *store_handlers,
    void (*readable)(void *context), void *context, char *why, size_t why_size)
{
	int error;

	*lane = (struct fw_lane_unit){
	    .id = id,
	    .max_payload_bytes = (size_t)s->mqtt.max_payload_bytes,
	    .readable = readable,
	    .readable_context = context,
	};
	error = open_journal(lane, s, why, why_size);
	if (error != FW_OK)
		return error;
	error = make_session(lane, loop, s, why, why_size);
	if (error != FW_OK)
		return error;
	make_store(lane, holder ? holder : lane->journal_id, loop, s, store_handlers);
	lane->journal_watch =
	    fw_watch_new(loop, fw_journal_fd(lane->journal), FW_READ, journal_ready, lane);
	return FW_OK;
}

void
fw_lane_close(struct fw_lane_unit *lane)
{
	fw_mqtt_free(lane->mqtt);
	fw_watch_free(lane->journal_watch);
	fw_store_free(lane->store);
	fw_journal_close(lane->journal);
}

struct fw_journals
fw_lane_journals(const struct fw_lane_unit lanes[FW_LANES])
{
	struct fw_journals j;

	for (int k = 0; k < FW_LANES; k++)
		j.id[k] = lanes[k].journal_id;
	return j;
}

/* ---------------------------------------------------------------- reading */

bool
fw_lane_seek(struct fw_lane_unit *lane, const struct fw_checkpoint *checkpoint)
{
	uint64_t position =
	    checkpoint->found ? checkpoint->position : fw_journal_first(lane->journal);
	uint64_t nearest;

	fw_store_set_position(lane->store, lane->journal_id, position);
	if (fw_journal_seek(lane->journal, position, &nearest) == FW_OK)
		return true;
	fw_error(
	    "journal lane=%s does not hold position %llu any more: read from %llu, reports between them are lost "
	    "unless their devices send them again",
	    fw_lane_name(lane->id), (unsigned long long)position, (unsigned long long)nearest);
	if (fw_journal_seek(lane->journal, nearest, &nearest) == FW_OK)
		return true;
	fw_error("journal lane=%s cannot be read from there either", fw_lane_name(lane->id));
	return false;
}

bool
fw_lane_is_away(const struct fw_lane_unit *lane)
{
	struct fw_store_state state;

	fw_store_state(lane->store, &state);
	return !state.up || state.under_way_us >= AWAY_US || state.under_way_us < 0;
}

static bool
gathers_less(const struct fw_lane_unit *lane, size_t most)
{
	struct fw_store_state state;

	fw_store_state(lane->store, &state);
	return state.gathered_rows < most && state.gathered_bytes < GATHER_MOST_BYTES;
}

bool
fw_lane_has_room(const struct fw_lane_unit *lane)
{
	return gathers_less(lane, lane->away ? TELEMETRY_AWAY_MOST : lane->gather_most);
}

bool
fw_lane_has_room_behind(const struct fw_lane_unit *lane)
{
	return gathers_less(lane, TELEMETRY_AWAY_MOST);
}

/* A new start writes behind a gap that no reading crosses: the positions alone do not tell. */
static void
note_end(struct fw_lane_unit *lane)
{
	struct fw_journal_state journal;

	fw_journal_state(lane->journal, &journal);
	lane->read_to = journal.written;
}

int
fw_lane_next(struct fw_lane_unit *lane, struct fw_message *out)
{
	struct fw_record record;

	if (!fw_lane_has_room(lane))
		return FW_EAGAIN;
	lane->at_end = (lane->flowing ? fw_journal_poll(lane->journal, &record)
				      : fw_journal_read(lane->journal, &record)) != FW_OK;
	if (lane->at_end) {
		note_end(lane);
		return FW_EAGAIN;
	}
	*out = (struct fw_message){
	    .lane = lane->id,
	    .journal = lane->journal_id,
	    .position = record.position,
	    .received_at_us = record.received_at_us,
	    .topic = record.topic,
	    .topic_len = record.topic_len,
	    .payload = record.payload,
	    .payload_len = record.payload_len,
	    .original_len = record.original_len,
	};
	lane->last_read_us = record.received_at_us;
	if (!lane->gathered_since_us)
		lane->gathered_since_us = record.received_at_us;
	fw_store_set_checkpoint(lane->store, lane->journal_id, record.next);
	return FW_OK;
}

/* ---------------------------------------------------------------- writing */

/* A device gets one receipt for all its reports in a batch: larger batches are fewer receipts. */
static bool
may_grow(const struct fw_lane_unit *lane, int64_t now_us)
{
	int64_t passed_us = now_us - lane->sent_at_us;

	return lane->flowing && passed_us >= 0 && passed_us < GROW_US && fw_lane_has_room(lane);
}

void
fw_lane_send(struct fw_lane_unit *lane, uint64_t alarm_committed, int64_t now_us)
{
	if (lane->wait_for_alarm > alarm_committed || may_grow(lane, now_us) ||
	    !fw_store_send(lane->store))
		return;
	lane->sent_at_us = now_us;
	lane->under_way_since_us = lane->gathered_since_us;
	lane->gathered_since_us = 0;
}

/* The pause before the next attempt is for brokers that do not answer, not for a lane that works
 * off what it has. */
static void
resume_where_cut(struct fw_lane_unit *lane)
{
	struct fw_journal_state state;

	if (!lane->cut || lane->paused)
		return;
	fw_journal_state(lane->journal, &state);
	if (state.no_room || fw_journal_filled_percent(lane->journal) >= RESUME_AT_PERCENT)
		return;
	lane->cut = false;
	fw_mqtt_resume(lane->mqtt);
}

void
fw_lane_committed(struct fw_lane_unit *lane, const struct fw_committed *done, int64_t now_us)
{
	lane->under_way_since_us = 0;
	if (done->has_checkpoint)
		fw_journal_release(lane->journal, done->position, now_us);
	resume_where_cut(lane);
}

int64_t
fw_lane_settled_before_us(const struct fw_lane_unit *lane, int64_t now_us)
{
	if (lane->under_way_since_us)
		return lane->under_way_since_us;
	if (lane->gathered_since_us)
		return lane->gathered_since_us;
	return fw_lane_read_until_us(lane, now_us);
}

int64_t
fw_lane_read_until_us(const struct fw_lane_unit *lane, int64_t now_us)
{
	struct fw_journal_state journal;

	fw_journal_state(lane->journal, &journal);
	return journal.written == lane->read_to ? now_us : lane->last_read_us;
}

bool
fw_lane_listens(const struct fw_lane_unit *lane)
{
	struct fw_mqtt_state session;

	fw_mqtt_state(lane->mqtt, &session);
	return session.up;
}

bool
fw_lane_is_idle(const struct fw_lane_unit *lane)
{
	struct fw_store_state state;

	fw_store_state(lane->store, &state);
	return lane->at_end && state.gathered_rows == 0 && state.under_way_rows == 0;
}

/* ---------------------------------------------------------------- watching */

static void
tell_losses(struct fw_lane_unit *lane, const struct fw_journal_state *state)
{
	if (state->refused > lane->refused_told)
		fw_error(
		    "journal lane=%s refused=%llu: no room or no disk; the broker keeps these messages, and so do their "
		    "devices",
		    fw_lane_name(lane->id),
		    (unsigned long long)(state->refused - lane->refused_told));
	if (state->damaged > lane->damaged_told)
		fw_error("journal lane=%s damaged=%llu records could not be read",
		    fw_lane_name(lane->id),
		    (unsigned long long)(state->damaged - lane->damaged_told));
	lane->refused_told = state->refused;
	lane->damaged_told = state->damaged;
}

bool
fw_lane_watch(struct fw_lane_unit *lane)
{
	struct fw_journal_state state;
	unsigned filled = fw_journal_filled_percent(lane->journal);
	uint64_t reserve = 2 * (uint64_t)lane->max_payload_bytes; /* for what is on its way */
	bool no_room, full, refused;

	fw_journal_state(lane->journal, &state);
	refused = state.refused > lane->refused_told;
	tell_losses(lane, &state);
	no_room = state.no_room && (refused || lane->paused || state.room_bytes < reserve);
	full = state.failed || no_room || filled >= PAUSE_AT_PERCENT;
	if (full && !lane->paused) {
		fw_error(
		    "journal lane=%s filled=%u%%%s: the session is left, the broker keeps what comes",
		    fw_lane_name(lane->id), filled,
		    state.failed ? " and cannot be written"
		    : no_room    ? " and cannot grow"
				 : "");
		fw_mqtt_stop(lane->mqtt);
		lane->paused = true;
	} else if (lane->paused && !state.failed && !no_room && filled < RESUME_AT_PERCENT) {
		fw_notice("journal lane=%s filled=%u%%: the session is taken up again",
		    fw_lane_name(lane->id), filled);
		fw_mqtt_start(lane->mqtt);
		lane->paused = false;
	}
	resume_where_cut(lane);
	return !state.failed;
}
