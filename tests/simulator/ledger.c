/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the ledger; see ledger.h. */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "scenario/device.h"

static const char *
kind_name(enum sim_kind kind)
{
	switch (kind) {
	case SIM_FIRST:
		return "first";
	case SIM_RESEND:
		return "resend";
	case SIM_DUPLICATE:
		return "duplicate";
	case SIM_NO_REPORT:
		break;
	}
	return "garbage";
}

int
sim_ledger_open(struct sim_ledger *l, const char *path)
{
	l->file = NULL;
	if (!path)
		return FW_OK;
	l->file = fopen(path, "we");
	if (!l->file)
		return FW_EIO;
	setvbuf(l->file, NULL, _IOFBF, 256 * 1024);
	fputs("time\tlane\tdivision\tdevice\tboot\tsequence\tkind\tevents\tmessage\n", l->file);
	return sim_ledger_flush(l);
}

static const char *
lane_name(const struct sim_message *m)
{
	const char *slash = strrchr(m->topic, '/');

	if (m->via)
		return m->lane == SIM_ALARM ? "alarm" : "telemetry";
	return slash ? slash + 1 : m->topic;
}

void
sim_ledger_put(
    struct sim_ledger *l, const struct sim_message *m, enum sim_kind kind, int64_t now_us)
{
	char time[FW_TIME_TEXT_MAX];

	if (!l->file)
		return;
	fw_time_text(now_us, time);
	if (m->report_count == 0)
		fprintf(l->file, "%s\t%s\t%s\t%s\t-\t-\tgarbage\t%zu bytes\t%" PRIu64 "\n", time,
		    lane_name(m), m->via ? m->via->division : "-", m->via ? m->via->name : "-",
		    m->len, m->number);
	for (size_t i = 0; i < m->report_count; i++) {
		const struct sim_report *r = &m->reports[i];

		fprintf(l->file, "%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu64 "\t%s\t%s\t%" PRIu64 "\n",
		    time, lane_name(m), r->device->division, r->device->name, r->boot, r->sequence,
		    kind_name(kind), r->events, m->number);
	}
}

int
sim_ledger_flush(struct sim_ledger *l)
{
	return l->file && (fflush(l->file) != 0 || ferror(l->file)) ? FW_EIO : FW_OK;
}

int
sim_ledger_close(struct sim_ledger *l)
{
	FILE *file = l->file;

	l->file = NULL;
	return file && fclose(file) != 0 ? FW_EIO : FW_OK;
}
