/* SPDX-License-Identifier: Apache-2.0 */
/* What the core decides, as lines that a person can read: the time, the kind of thing, its subject,
 * and what of it; see simulate.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "cli/say.h"
#include "cli/simulate.h"

/* What was last told of an alarm, an incident or a step. */
struct told {
	char *id, *line;
	bool raised, restored;
	uint32_t reports;
};

char *
fw_trace_time(int64_t us, char out[FW_TIME_TEXT_MAX])
{
	int64_t ms = us / FW_MS, hours = ms / 3600000, days = hours / 24;
	int minutes = (int)(ms / 60000 % 60), seconds = (int)(ms / 1000 % 60);
	int n = 0;

	if (days)
		n += snprintf(out + n, FW_TIME_TEXT_MAX, "%" PRId64 "d", days);
	if (hours)
		n += snprintf(out + n, 16, days ? "%02dh" : "%dh", (int)(hours % 24));
	if (hours || minutes)
		n += snprintf(out + n, 16, hours ? "%02dmin" : "%dmin", minutes);
	snprintf(out + n, 16, n ? "%02d.%03ds" : "%d.%03ds", seconds, (int)(ms % 1000));
	return out;
}

void
fw_trace_line(struct fw_trace *t, const char *format, ...)
{
	char line[4096], time[FW_TIME_TEXT_MAX];
	va_list args;

	if (t->quiet)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printf("+%s ", fw_trace_time(t->now_us - t->start_us, time));
	fw_say_text(stdout, line, 0);
	putchar('\n');
}

/* ---------------------------------------------------------------- what devices say */

static void
tell_event(FILE *out, const struct fw_event *e)
{
	fprintf(out, "%s %s", e->active ? "raises" : "restores", fw_condition_name(e->condition));
	if (e->point)
		fprintf(out, " at point %" PRIu32, e->point);
	if (*e->text)
		fprintf(out, " \"%s\"", e->text);
}

static void
tell_health(FILE *out, const struct fw_health *h)
{
	fprintf(out, "battery %" PRIu32 "%%, signal %" PRId32 " dBm, mains %s", h->battery_percent,
	    h->signal_dbm, h->mains_ok ? "on" : "off");
}

static void
tell_parts(FILE *out, const struct fw_report *r)
{
	const char *between = "";

	for (size_t i = 0; i < r->event_count; i++, between = ", ") {
		fputs(between, out);
		tell_event(out, &r->events[i]);
	}
	for (size_t i = 0; i < r->reading_count; i++, between = ", ") {
		fprintf(out, "%s%s %g", between, fw_quantity_name(r->readings[i].quantity),
		    r->readings[i].value);
		if (r->readings[i].point)
			fprintf(out, " at point %" PRIu32, r->readings[i].point);
	}
	if (r->health) {
		fputs(between, out);
		tell_health(out, r->health);
	}
}

/* Of heartbeats that change nothing there are too many. */
static void
tell_report(struct fw_trace *t, const struct fw_action *a, const char *kind)
{
	const struct fw_report *r = a->u.report;
	bool promoted = r->message->lane == FW_LANE_TELEMETRY && a->lane == FW_LANE_ALARM;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (t->quiet || (!r->event_count && !r->reading_count && !promoted))
		return;
	out = open_memstream(&text, &size);
	if (!out)
		abort();
	tell_parts(out, r);
	fclose(out);
	fw_trace_line(t, "%s %s %" PRIu32 "/%" PRIu64 " %s%s%s%s", kind, r->device->id, r->boot_id,
	    r->sequence, text, r->mode == FW_MODE_TEST ? ", in test mode" : "",
	    r->backfill ? ", from its memory" : "",
	    r->clock_fault ? ", with a clock that is not believed" : "");
	free(text);
}

/* ---------------------------------------------------------------- rows */

static struct told *
told_of(struct fw_trace *t, const char *id)
{
	struct told *told = fw_strmap_get(&t->seen, id, strlen(id));

	if (told)
		return told;
	told = fw_calloc(1, sizeof(*told));
	told->id = fw_strdup(id);
	fw_strmap_put(&t->seen, told->id, strlen(told->id), told);
	return told;
}

static bool
is_news(struct told *told, const char *line)
{
	if (told->line && strcmp(told->line, line) == 0)
		return false;
	free(told->line);
	told->line = fw_strdup(line);
	return true;
}

static void
tell_raised(struct fw_trace *t, const struct fw_alarm *a)
{
	bool standard = strcmp(a->rule, "standard") == 0;

	fw_trace_line(t, "alarm %s %s raised \"%s\" (%s%s%s%s%s%s%s)%s%s", a->id,
	    fw_class_name(a->class), a->reason, fw_severity_name(a->severity), *a->data ? ", " : "",
	    a->data, standard ? "" : ", rule ", standard ? "" : a->rule,
	    a->level == FW_LEVEL_NORMAL ? "" : ", level ",
	    a->level == FW_LEVEL_NORMAL ? "" : fw_level_name(a->level), *a->text ? ": " : "",
	    a->text);
}

static void
tell_alarm(struct fw_trace *t, const struct fw_alarm *a)
{
	const char *class = fw_class_name(a->class);
	struct told *told;

	if (t->quiet)
		return;
	told = told_of(t, a->id);
	if (!told->raised)
		tell_raised(t, a);
	if (a->restored_at_us && !told->restored)
		fw_trace_line(t, "alarm %s %s restored, %" PRIu32 " report%s", a->id, class,
		    a->report_count, a->report_count == 1 ? "" : "s");
	else if (told->raised && a->report_count != told->reports)
		fw_trace_line(
		    t, "alarm %s %s again, %" PRIu32 " reports", a->id, class, a->report_count);
	told->raised = true;
	told->reports = a->report_count;
	told->restored = a->restored_at_us != 0;
}

static void
tell_incident(struct fw_trace *t, const struct fw_incident *i)
{
	const char *state = i->closed ? "closed" : fw_incident_is_open(i) ? "open" : "acknowledged";
	char line[256];

	if (t->quiet)
		return;
	snprintf(line, sizeof(line), "%s %s, triggers %" PRIu32 ", alarms %" PRIu32 "%s",
	    fw_class_name(i->class), state, i->trigger_count, i->alarm_count,
	    i->confirmed_at_us ? ", confirmed" : "");
	if (is_news(told_of(t, i->id), line))
		fw_trace_line(t, "incident %s at %s %s", i->id, i->key, line);
}

static const char *
step_state(const struct fw_step *s)
{
	switch (s->state) {
	case FW_STEP_QUEUED:
		return "queued";
	case FW_STEP_DONE:
		return "done";
	case FW_STEP_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}

/* Its row is written at every change, and once more when it is done at once. */
static void
tell_step(struct fw_trace *t, const struct fw_step *s)
{
	char id[FW_ID_MAX + 256], line[512], due[FW_TIME_TEXT_MAX];

	if (t->quiet)
		return;
	snprintf(id, sizeof(id), "%s~%" PRIu32 "~%d~%s~%s", s->incident->id, s->trigger, s->step,
	    s->role, s->channel);
	snprintf(line, sizeof(line), "%" PRIu32 ".%d %s by %s %s%s%s", s->trigger, s->step, s->role,
	    s->channel, step_state(s), s->state == FW_STEP_QUEUED ? " for +" : "",
	    s->state == FW_STEP_QUEUED ? fw_trace_time(s->due_at_us - t->start_us, due) : "");
	if (is_news(told_of(t, id), line))
		fw_trace_line(t, "step %s %s", s->incident->key, line);
}

static void
tell_page(struct fw_trace *t, const struct fw_page *p, const char *what)
{
	char attempt[32] = "";

	if (p->attempts > 1)
		snprintf(attempt, sizeof(attempt), ", attempt %" PRIu32, p->attempts);
	fw_trace_line(t, "page %s %" PRIu32 ".%d %s (%s) %s%s%s%s", p->incident->key, p->trigger,
	    p->step, p->person_name, p->role, what, attempt, p->force ? ", even if answered" : "",
	    p->unclaimed ? ", before it is recorded" : "");
}

/* The timeline tells what became of the others. */
static void
tell_watch(struct fw_trace *t, const struct fw_watch_row *w)
{
	fw_trace_line(t, "watch %s point %u: %s %s%s %s", w->device, w->point,
	    fw_quantity_name(w->quantity), fw_class_name(w->class), w->is_change ? ".change" : "",
	    w->state);
}

static void
tell_result(struct fw_trace *t, const struct fw_page *p)
{
	switch (p->state) {
	case FW_PAGE_DELIVERED:
		t->delivered++;
		break;
	case FW_PAGE_FAILED:
		t->failed++;
		break;
	case FW_PAGE_CANCELLED:
		tell_page(t, p, "cancelled");
		break;
	case FW_PAGE_WRITING:
	case FW_PAGE_SENDING:
	case FW_PAGE_WAITING:
		break;
	}
}

void
fw_trace_action(struct fw_trace *t, const struct fw_action *a)
{
	switch (a->type) {
	case FW_ACT_REPORT:
		tell_report(t, a, "report");
		break;
	case FW_ACT_DUPLICATE:
		tell_report(t, a, "duplicate");
		break;
	case FW_ACT_QUARANTINE:
		fw_trace_line(t, "quarantine %s %s: %s", a->u.quarantine->device,
		    fw_reason_name(a->u.quarantine->reason), a->u.quarantine->detail);
		break;
	case FW_ACT_REGISTER:
		fw_trace_line(t, "device %s is registered as unclaimed", a->u.device->id);
		break;
	case FW_ACT_ALARM:
		tell_alarm(t, a->u.alarm);
		break;
	case FW_ACT_INCIDENT:
		tell_incident(t, a->u.incident);
		break;
	case FW_ACT_STEP:
		tell_step(t, a->u.step);
		break;
	case FW_ACT_PAGE:
	case FW_ACT_CLAIM:
		tell_page(t, a->u.page, "claimed");
		break;
	case FW_ACT_RESULT:
		tell_result(t, a->u.page);
		break;
	case FW_ACT_TIMELINE:
		fw_trace_line(t, "timeline %s %s by %s: %s", a->u.timeline->incident->key,
		    a->u.timeline->kind, a->u.timeline->actor, a->u.timeline->detail);
		break;
	case FW_ACT_FLOOD:
		fw_trace_line(t, "flood of %s %s: %u alarms, at most %u in 10 min",
		    a->u.flood->division, a->u.flood->ended_at_us ? "is over" : "lasts",
		    a->u.flood->alarms, a->u.flood->peak_10min);
		break;
	case FW_ACT_WINDOW:
		fw_trace_line(t, "window %s is over", a->u.window.window->id);
		break;
	case FW_ACT_HAZARD:
		fw_trace_line(t, "hazard %s %s, for %s: %s", a->u.hazard->id,
		    a->u.hazard->major ? "major" : "general",
		    *a->u.hazard->person ? a->u.hazard->person : "nobody", a->u.hazard->reason);
		break;
	case FW_ACT_WATCH:
		tell_watch(t, a->u.watch);
		break;
	case FW_ACT_SEND:
		tell_page(t, a->u.page, "sent");
		break;
	case FW_ACT_ASK:
	case FW_ACT_REPLAYED:
	case FW_ACT_RECEIPT:
	case FW_ACT_STATUS:
	case FW_ACT_LEDGER:
	case FW_ACT_OUTAGE:
	case FW_ACT_LEDGER_MARK:
		break;
	}
}

void
fw_trace_init(struct fw_trace *t, int64_t start_us, bool quiet)
{
	*t = (struct fw_trace){.quiet = quiet, .start_us = start_us, .now_us = start_us};
	fw_strmap_init(&t->seen, 0);
}

void
fw_trace_fini(struct fw_trace *t)
{
	size_t cursor = 0;
	void *at;

	while (fw_strmap_next(&t->seen, &cursor, &at)) {
		struct told *told = at;

		free(told->id);
		free(told->line);
		free(told);
	}
	fw_strmap_fini(&t->seen);
}
