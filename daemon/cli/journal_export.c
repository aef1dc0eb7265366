/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal's records as evidence: JSON lines, the payload in base64, what is lost among them, and
 * in the last line the SHA-256 of all bytes before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "cli/journal.h"
#include "cli/run.h"
#include "cli/say.h"
#include "cli/sha256.h"

struct export
{
	FILE *file;
	struct fw_sha256 sum;
	uint64_t records, lost;
};

static char *
base64(const void *bytes, size_t n)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *at = bytes;
	char *text = fw_calloc((n + 2) / 3 * 4 + 1, 1), *out = text;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t three = (uint32_t)at[i] << 16;

		three |= i + 1 < n ? (uint32_t)at[i + 1] << 8 : 0;
		three |= i + 2 < n ? at[i + 2] : 0;
		*out++ = digits[three >> 18];
		*out++ = digits[three >> 12 & 63];
		*out++ = i + 1 < n ? digits[three >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[three & 63] : '=';
	}
	return text;
}

/* Takes the object. */
static enum fw_exit
put(struct export *e, json_t *object)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!line)
		abort(); /* only for want of memory */
	fw_sha256_add(&e->sum, line, strlen(line));
	fw_sha256_add(&e->sum, "\n", 1);
	fprintf(e->file, "%s\n", line);
	free(line);
	return FW_EXIT_DONE;
}

static enum fw_exit
export_record(void *context, const struct fw_lane_folder *lane, const struct fw_record *r)
{
	struct export *e = context;
	char moment[FW_TIME_TEXT_MAX], *payload = base64(r->payload, r->payload_len);
	json_t *topic = json_stringn(r->topic, r->topic_len); /* NULL: not UTF-8 */
	char *topic_bytes = topic ? NULL : base64(r->topic, r->topic_len);
	json_t *object = json_pack("{s:s, s:I, s:I, s:s, s:o, s:I, s:s}", "lane", lane->name,
	    "journal", (json_int_t)fw_scan_journal(lane->scan), "position", (json_int_t)r->position,
	    "received_at", fw_time_text(r->received_at_us, moment),
	    topic ? "topic" : "topic_base64", topic ? topic : json_string(topic_bytes),
	    "original_bytes", (json_int_t)r->original_len, "payload", payload);

	e->records++;
	free(payload);
	free(topic_bytes);
	return put(e, object);
}

static enum fw_exit
export_lost(void *context, const struct fw_lane_folder *lane, const struct fw_scan_item *item)
{
	struct export *e = context;

	e->lost++;
	return put(e, json_pack("{s:s, s:s, s:I, s:I}", "lane", lane->name, "lost", item->what,
			  "from", (json_int_t)item->from, "to", (json_int_t)item->to));
}

static enum fw_exit
finish(struct export *e, const char *path)
{
	char hex[FW_SHA256_HEX];
	bool failed;

	fw_sha256_end(&e->sum, hex);
	fprintf(e->file, "{\"records\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"sha256\":\"%s\"}\n",
	    e->records, e->lost, hex);
	failed = fflush(e->file) != 0 || ferror(e->file) || fsync(fileno(e->file)) != 0;
	if (failed) {
		fw_say("%s: %m", path);
		return FW_EXIT_UNREACHABLE;
	}
	printf(
	    "%" PRIu64 " records, %" PRIu64 " places lost, sha256 %s\n", e->records, e->lost, hex);
	return e->records ? FW_EXIT_DONE : FW_EXIT_NOTHING;
}

enum fw_exit
fw_run_journal_export(const struct fw_request *r)
{
	const char *path = r->arguments[1];
	struct export e = {0};
	const struct fw_journal_visitor visitor = {
	    .record = export_record, .lost = export_lost, .context = &e};
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum fw_exit code;

	if (fd < 0 || !(e.file = fdopen(fd, "w"))) {
		fw_say("%s: %m", path);
		return FW_EXIT_USAGE;
	}
	fw_sha256_init(&e.sum);
	code = fw_journal_visit(r, &visitor);
	if (code == FW_EXIT_DONE)
		code = finish(&e, path);
	fclose(e.file);
	if (code != FW_EXIT_DONE)
		unlink(path);
	return code;
}
