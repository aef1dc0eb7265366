/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the daemons of an instance this one is.
 *
 *	unknown  PostgreSQL has not answered yet.  After a while it takes in all the same, unless
 *	         another daemon was active when it last heard: what comes waits in the journal
 *	standby  another one is active: no sessions with the broker, and what the journal still
 *	         holds from before is handed over to the active one
 *	active   the lease is held; takes in when the state is read, or after the same while
 *
 * There is no way from active to standby but to begin anew: stop ladder, start ladder, in the same
 * process.  So whatever was decided and not committed is forgotten as after a crash, and read
 * again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/state.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

#define TAKE_IN_ALONE_US (3 * FW_S)
#define KNOWN_MAX 10000
#define TRUST_AGAIN_US                                                            \
	(600 * FW_S) /* between two times that a known report makes it begin anew \
		      */

void
fw_role_take_in(struct fw_daemon *d)
{
	if (d->taking_in || d->stopping)
		return;
	d->taking_in = true;
	for (int k = 0; k < FW_LANES; k++)
		if (!d->lanes[k].paused)
			fw_mqtt_start(d->lanes[k].mqtt);
}

/* Another client has our session.  If it is another daemon, the next renewals fail; else the
 * session is ours. */
static void
confirm_session(struct fw_daemon *d, struct fw_lane_unit *lane)
{
	if (!lane->taken_over || d->role != FW_ROLE_ACTIVE)
		return;
	if (!lane->confirmed_at)
		lane->confirmed_at = fw_lease_renewals(d->lease) + 2; /* one may be on its way */
	if (fw_lease_renewals(d->lease) >= lane->confirmed_at) {
		lane->taken_over = false;
		fw_mqtt_resume(lane->mqtt);
	}
}

void
fw_role_watch(struct fw_daemon *d, int64_t now_us)
{
	bool may = d->role == FW_ROLE_ACTIVE ||
		   (d->role == FW_ROLE_UNKNOWN && !fw_lease_was_waiting(d->lease));
	int64_t since_us = d->role == FW_ROLE_ACTIVE ? d->active_since_us : d->started_at_us;

	if (may && !d->taking_in && !d->stopping &&
	    (now_us - since_us >= TAKE_IN_ALONE_US || now_us < since_us)) {
		fw_warning("the state is not read yet: taking in, to decide when it is");
		fw_role_take_in(d);
	}
	for (int k = 0; k < FW_LANES; k++)
		confirm_session(d, &d->lanes[k]);
	if (!d->trusting &&
	    (now_us - d->taken_back_at_us >= TRUST_AGAIN_US || now_us < d->taken_back_at_us)) {
		d->trusting = true;
		fw_store_refuse_known(d->lanes[FW_LANE_ALARM].store, true);
	}
}

void
fw_role_begin_anew(struct fw_daemon *d, const char *why)
{
	if (d->again || d->stopping)
		return;
	fw_error("beginning anew: %s", why);
	d->again = true;
	d->loaded = false; /* nothing more is decided */
	fw_loop_stop(d->loop);
}

/* ---------------------------------------------------------------- the lease */

static void
held(uint64_t fence, void *context)
{
	struct fw_daemon *d = context;

	if (fw_handover_has_begun(d)) {
		fw_role_begin_anew(d, "this daemon is the active one now");
		return;
	}
	fw_notice("active: fence=%" PRIu64, fence);
	d->role = FW_ROLE_ACTIVE;
	d->active_since_us = fw_loop_now_us(d->loop);
	d->fence = fence;
	for (int k = 0; k < FW_LANES; k++)
		fw_store_start(d->lanes[k].store, fence);
}

static void
waits(const char *told, void *context)
{
	struct fw_daemon *d = context;

	fw_notice("standby: active is %s", told);
	d->role = FW_ROLE_STANDBY;
	d->taking_in = false;
	for (int k = 0; k < FW_LANES; k++)
		fw_mqtt_stop(d->lanes[k].mqtt);
	fw_handover(d);
}

static void
lost(void *context)
{
	fw_role_begin_anew(context, "another daemon has taken over");
}

static void
lease_up(bool up, const char *why, void *context)
{
	struct fw_daemon *d = context;

	(void)why;
	if (up && d->role == FW_ROLE_STANDBY)
		fw_handover(d);
}

void
fw_role_start(struct fw_daemon *d)
{
	const struct fw_lease_handlers handlers = {
	    .held = held, .waits = waits, .lost = lost, .up = lease_up, .context = d};
	char mark[4096];

	snprintf(mark, sizeof(mark), "%s/standby", d->settings->journal.directory);
	d->lease = fw_lease_new(d->loop,
	    &(struct fw_lease_options){
		.dsn = d->settings->database.dsn,
		.instance = d->settings->instance.name,
		.mark = mark,
		.holder = d->lanes[FW_LANE_ALARM].journal_id,
		.retry_max_ms = d->settings->database.retry_max_ms,
	    },
	    &handlers);
	fw_store_refuse_known(d->lanes[FW_LANE_ALARM].store, d->trusting);
	fw_lease_start(d->lease);
}

/* ---------------------------------------------------------------- what the stores find out */

void
fw_role_fenced(void *context)
{
	fw_role_begin_anew(context, "another daemon has taken over");
}

/* Told again to the core of the next round, which would decide from it once more. */
void
fw_role_known(const char *device, uint32_t boot_id, uint64_t sequence, void *context)
{
	struct fw_daemon *d = context;
	struct fw_known *k;

	if (d->known_count == KNOWN_MAX)
		return;
	d->known = fw_grow(d->known, &d->known_cap, d->known_count + 1, sizeof(*d->known));
	k = &d->known[d->known_count++];
	*k = (struct fw_known){.boot_id = boot_id, .sequence = sequence};
	snprintf(k->device, sizeof(k->device), "%s", device);
}

/* A device that sends what has long been forgotten must not keep the daemon busy with this. */
void
fw_role_take_back(const char *why, void *context)
{
	struct fw_daemon *d = context;

	if (d->known_count) {
		d->trusting = false;
		d->taken_back_at_us = fw_loop_now_us(d->loop);
	}
	fw_role_begin_anew(d, why);
}
