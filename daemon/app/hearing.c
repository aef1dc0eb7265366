/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core is told of how well devices can be heard, so that it holds none of them silent
 * while it was the centre that did not listen: both sessions must be up, and what they brought must
 * have been read.
 */
#include "app/state.h"
#include "base/time.h"

/* A message has its receive time before it is in the journal, and a session is looked at once a
 * second. */
#define LATE_US (2 * FW_S)

/* A connection that breaks without a word is found out a keepalive later, at most two. */
static int64_t
heard_last(const struct fw_daemon *d, int64_t now_us)
{
	int64_t at_us = now_us - 2 * d->settings->mqtt.keepalive_s * FW_S;

	for (int k = 0; k < FW_LANES; k++)
		if (d->lanes[k].last_read_us > at_us && d->lanes[k].last_read_us <= now_us)
			at_us = d->lanes[k].last_read_us;
	return at_us;
}

void
fw_hear(struct fw_daemon *d, int64_t now_us)
{
	int64_t until_us = now_us;
	bool listens = true;

	for (int k = 0; k < FW_LANES; k++) {
		int64_t read_us = fw_lane_read_until_us(&d->lanes[k], now_us);

		until_us = read_us < until_us ? read_us : until_us;
		listens = listens && fw_lane_listens(&d->lanes[k]);
	}
	fw_actions_run(
	    d, fw_core_listening(d->core, listens, listens ? now_us : heard_last(d, now_us)));
	fw_core_heard(d->core, until_us - LATE_US, now_us);
}
