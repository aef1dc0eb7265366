/* SPDX-License-Identifier: Apache-2.0 */
/* The lanes of a journal's folder; see journal.h. */
#include "cli/journal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/moment.h"
#include "cli/run.h"
#include "cli/say.h"
#include "core/decode.h"
#include "model/names.h"

struct wanted {
	int64_t since_us, until_us;
	const char *device;
};

static enum fw_exit
take_wanted(const struct fw_request *r, struct wanted *w)
{
	char text[24];
	const char *value;
	enum fw_exit code = fw_moment_take(r->options[FW_OPTION_SINCE], text, sizeof(text), &value);

	*w = (struct wanted){INT64_MIN, INT64_MAX, r->options[FW_OPTION_DEVICE]};
	if (code == FW_EXIT_DONE && value)
		w->since_us = strtoll(value, NULL, 10);
	if (code == FW_EXIT_DONE)
		code = fw_moment_take(r->options[FW_OPTION_UNTIL], text, sizeof(text), &value);
	if (code == FW_EXIT_DONE && value)
		w->until_us = strtoll(value, NULL, 10);
	return code;
}

static bool
is_wanted(const struct wanted *w, const struct fw_record *r)
{
	struct fw_topic topic;

	if (r->received_at_us < w->since_us || r->received_at_us >= w->until_us)
		return false;
	return !w->device || (fw_decode_topic(r->topic, r->topic_len, &topic) == FW_OK &&
				 strcmp(topic.device, w->device) == 0);
}

static enum fw_exit
visit_lane(
    const struct wanted *w, const struct fw_lane_folder *lane, const struct fw_journal_visitor *v)
{
	struct fw_scan_item item;
	enum fw_exit code = FW_EXIT_DONE;

	while (code == FW_EXIT_DONE && fw_scan_next(lane->scan, &item) == FW_OK) {
		if (item.lost)
			code = v->lost(v->context, lane, &item);
		else if (is_wanted(w, &item.record))
			code = v->record(v->context, lane, &item.record);
	}
	return code == FW_EXIT_DONE && v->end ? v->end(v->context, lane) : code;
}

static enum fw_exit
visit_folder(const struct wanted *w, const char *path, const char *name, int lane,
    const struct fw_journal_visitor *v)
{
	struct fw_lane_folder folder = {.name = name, .lane = lane};
	char why[PATH_MAX + 256];
	int error = fw_scan_open(&folder.scan, path, why, sizeof(why));
	enum fw_exit code;

	if (error != FW_OK) {
		fw_say("%s", why);
		return error == FW_EVERSION ? FW_EXIT_REFUSED : FW_EXIT_USAGE;
	}
	code = visit_lane(w, &folder, v);
	fw_scan_close(folder.scan);
	return code;
}

static int
lane_of(const char *name)
{
	for (int lane = 0; lane < FW_LANES; lane++)
		if (strcmp(name, fw_lane_name((enum fw_lane)lane)) == 0)
			return lane;
	return -1;
}

enum fw_exit
fw_journal_visit(const struct fw_request *r, const struct fw_journal_visitor *v)
{
	struct wanted w;
	char path[PATH_MAX], whole[PATH_MAX];
	const char *name;
	bool any = false;
	enum fw_exit code = take_wanted(r, &w);

	for (int lane = 0; code == FW_EXIT_DONE && lane < FW_LANES; lane++) {
		name = fw_lane_name((enum fw_lane)lane);
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", r->arguments[0], name) >=
			sizeof(path) ||
		    access(path, F_OK) != 0)
			continue;
		any = true;
		code = visit_folder(&w, path, name, lane, v);
	}
	if (any || code != FW_EXIT_DONE)
		return code;
	if (!realpath(r->arguments[0], whole)) {
		fw_say("%s: %m", r->arguments[0]);
		return FW_EXIT_USAGE;
	}
	name = strrchr(whole, '/') + 1;
	return visit_folder(&w, whole, name, lane_of(name), v);
}
