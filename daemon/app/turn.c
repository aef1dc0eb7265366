/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of the wheel.  The alarm lane is read to its end first, the telemetry lane for a slice
 * of time; then what is gathered is sent.  A turn is called whenever something may have changed,
 * and calls itself again through the loop while there is more.
 */
#include "app/state.h"
#include "base/time.h"

#define ALARM_SLICE_US (20 * FW_MS)
#define TELEMETRY_SLICE_US (2 * FW_MS)
#define LOOK_AGAIN_US (2 * FW_MS)

static bool
promoted(struct fw_actions actions)
{
	for (size_t k = 0; k < actions.count; k++)
		if (actions.items[k].lane == FW_LANE_ALARM)
			return true;
	return false;
}

/*
 * Telemetry waits while its batch does: what the batch promoted is not committed yet, and more
 * promotions would hold it back for ever. It waits, too, while the alarm lane has no room for what
 * it may promote.  While PostgreSQL is away nothing is committed, and a fire may come by telemetry.
 */
static bool
may_read(const struct fw_daemon *d, const struct fw_lane_unit *lane)
{
	const struct fw_lane_unit *alarm = &d->lanes[FW_LANE_ALARM];
	struct fw_store_state state;

	if (lane == alarm)
		return true;
	fw_store_state(alarm->store, &state);
	return (lane->away || lane->wait_for_alarm <= state.committed) && fw_lane_has_room(alarm);
}

/* True when its time was up before its messages were. */
static bool
read_lane(struct fw_daemon *d, struct fw_lane_unit *lane, int64_t slice_us, size_t *count)
{
	struct fw_lane_unit *alarm = &d->lanes[FW_LANE_ALARM];
	int64_t start = fw_loop_now_us(d->loop), now = start;
	struct fw_message message;
	struct fw_actions actions;
	struct fw_store_state state;

	while (now - start < slice_us && now >= start) {
		if (!may_read(d, lane) || fw_lane_next(lane, &message) != FW_OK)
			return false;
		actions = fw_core_message(d->core, &message, now);
		fw_actions_run(d, actions);
		++*count;
		if (lane != alarm && promoted(actions)) {
			fw_store_state(alarm->store, &state);
			lane->wait_for_alarm = state.gathering;
		}
		now = fw_loop_now_us(d->loop);
	}
	return true;
}

static void
set_tick(struct fw_daemon *d)
{
	int64_t next = fw_core_next_tick_us(d->core);

	if (next == FW_NEVER)
		fw_timer_cancel(d->tick_timer);
	else
		fw_timer_set(d->tick_timer, next - fw_loop_now_us(d->loop));
}

void
fw_turn_send(struct fw_daemon *d)
{
	struct fw_store_state alarm;
	int64_t now_us = fw_loop_now_us(d->loop);

	fw_actions_run(d, fw_core_flush(d->core));
	fw_lane_send(&d->lanes[FW_LANE_ALARM], UINT64_MAX, now_us);
	fw_store_state(d->lanes[FW_LANE_ALARM].store, &alarm);
	fw_lane_send(&d->lanes[FW_LANE_TELEMETRY], alarm.committed, now_us);
}

/* A steady flow is looked at every few milliseconds: to be woken for each message would cost the
 * receiving thread, which is what bounds the intake, a tenth of its time. */
static bool
read_telemetry(struct fw_daemon *d)
{
	struct fw_lane_unit *lane = &d->lanes[FW_LANE_TELEMETRY];
	bool flowing = lane->flowing, more;
	size_t count = 0;

	lane->away = fw_lane_is_away(lane) || fw_lane_is_away(&d->lanes[FW_LANE_ALARM]);
	more = read_lane(d, lane, TELEMETRY_SLICE_US, &count);
	lane->flowing = count > 0;
	if (flowing && count == 0) /* asks to be woken */
		more = read_lane(d, lane, TELEMETRY_SLICE_US, &count);
	else if (lane->flowing && !more && !fw_timer_is_set(d->turn_timer))
		fw_timer_set(d->turn_timer, LOOK_AGAIN_US);
	return more;
}

void
fw_turn(void *daemon)
{
	struct fw_daemon *d = daemon;
	size_t count = 0;
	bool more;

	if (!d->loaded)
		return;
	more = read_lane(d, &d->lanes[FW_LANE_ALARM], ALARM_SLICE_US, &count);
	more |= read_telemetry(d);
	fw_turn_send(d);
	set_tick(d);
	if (more)
		fw_timer_set(d->turn_timer, 0);
}
