/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings -> causes, by the thresholds of the device's profile.  Raised at or over `raise` (below:
 * at or under), over when back at or under `clear`; in between all stays as it is.  One that must
 * last is raised when a later reading shows that it has, or at its deadline, under the name of the
 * first report that was over.
 *
 * What is older than what was judged before changes nothing that stands, but what it says is not
 * lost: an alarm that nobody has heard of is raised, and ended at once.  Of two reports of a boot
 * the sequence tells which is older; of others, and of what was kept and sent later, the time of
 * the device.  A boot that was not heard of before is newer, whatever its clock says.
 */
#include <string.h>

#include "base/time.h"
#include "core/watched.h"

/* A sequence that is missing for longer is not waited for. */
#define LATE_US (3600 * FW_S)

/* As far as two thresholds of the same alarm are concerned, the higher counts. */
enum verdict { BACK, BETWEEN, OVER };

struct judging {
	struct fw_core *core;
	const struct fw_report *report;
	struct fw_device *device;
	const struct fw_profile *profile;
	const struct fw_before *before;
	int64_t now_us;
	int64_t at_us; /* when it was measured, at most when it was received */
	bool past;     /* kept, and sent later */
	bool current;  /* of the boot that the device is in */
	bool late;     /* a later one of its boot has come before it, or one may come late */
	bool keep;     /* an older report may still come */
	/* the reading */
	uint32_t point;
	int32_t quantity;
	double value, change;
	const struct fw_threshold *const *slots; /* of its quantity */
	size_t count;
	double changes[FW_SLOTS_MOST]; /* by each of them */
};

/* ---------------------------------------------------------------- which is older */

struct fw_before
fw_threshold_before(const struct fw_device *d)
{
	return (struct fw_before){
	    .seen = d->seen,
	    .boot_id = d->last_boot_id,
	    .observed_at_us =
		d->last_observed_us < d->last_seen_us ? d->last_observed_us : d->last_seen_us,
	};
}

/* The boot's first report. */
static bool
is_first(const struct fw_boot *boot, uint64_t sequence)
{
	const struct fw_seqset *s = &boot->received;

	if (s->highest != sequence)
		return false;
	return sequence == 1 ? fw_seqset_gap_count(s) == 0
			     : fw_seqset_gap_count(s) == 1 && s->gaps->items[0].first == 1 &&
				   s->gaps->items[0].last == sequence - 1;
}

static bool
may_come_late(const struct fw_boot *boot, int64_t now_us)
{
	const struct fw_seqset *s = &boot->received;
	uint32_t count = fw_seqset_gap_count(s);

	return count && now_us - s->gaps->items[count - 1].opened_at_us < LATE_US;
}

static void
place_in_time(struct judging *j)
{
	const struct fw_report *r = j->report;
	const struct fw_boot *boot = fw_device_boot(j->device, r->boot_id);
	int64_t received = r->message->received_at_us;

	j->at_us = r->observed_at_us < received ? r->observed_at_us : received;
	j->past = r->backfill || r->message->replay_id;
	j->current = !j->past && (!j->before->seen || j->before->boot_id == r->boot_id ||
				     (boot && is_first(boot, r->sequence)));
	j->late = boot && (r->sequence < boot->received.highest || may_come_late(boot, received));
	j->keep = j->past || !j->current || (boot && may_come_late(boot, received));
}

static bool
is_older(const struct judging *j, const struct fw_mark *last)
{
	const struct fw_report *r = j->report;

	if (!last->known) /* in a late boot it would be */
		return j->before->seen && !j->current && !j->late &&
		       j->at_us < j->before->observed_at_us;
	if (r->boot_id == last->boot_id && ((!j->past && !last->past) || j->at_us == last->at_us))
		return r->sequence < last->sequence;
	if (j->current && r->boot_id != last->boot_id)
		return false;
	return j->at_us < last->at_us;
}

/* ---------------------------------------------------------------- thresholds */

static enum verdict
compare(const struct fw_threshold *t, double x)
{
	if (fw_slot_is_over(t, x))
		return OVER;
	return (t->below ? x >= t->clear : x <= t->clear) ? BACK : BETWEEN;
}

static enum fw_class
class_of(const struct judging *j, const struct fw_threshold *t)
{
	return fw_slot_class(j->core, j->device, t, j->report->message->received_at_us);
}

/* The reading as what a pending one begins with; its name is in the arena. */
static struct fw_pending
first_of(const struct judging *j)
{
	struct fw_pending first = fw_slot_first(j->core, j->device, j->report, j->value);

	first.change = j->change;
	first.at_us = j->at_us;
	return first;
}

static struct fw_cause
cause_now(const struct judging *j, const struct fw_threshold *t)
{
	const struct fw_pending first = first_of(j);

	return fw_slot_cause(
	    j->core, j->device, j->point, t, &first, j->report->message->received_at_us);
}

/* ---------------------------------------------------------------- one threshold */

static bool
begin(const struct judging *j, const struct fw_threshold *t, struct fw_watched **w, bool past)
{
	const struct fw_pending first = first_of(j);

	*w = fw_watched_make(j->core, j->device, j->point, t);
	if (!*w)
		return false;
	fw_watched_begin(j->core, *w, &first, t->delay_us, past);
	return true;
}

static bool
take_over(const struct judging *j, const struct fw_threshold *t, struct fw_watched **w)
{
	enum fw_class class = class_of(j, t);
	bool raised = fw_slot_alarm(j->core, j->device, j->point, class, t);
	struct fw_cause c;

	if (*w && (*w)->pending && (*w)->pending->past)
		fw_slot_fire(j->core, *w, t, j->report->message->received_at_us, j->now_us);
	if (!raised && *w && (*w)->pending)
		return false;
	if (!raised && t->delay_us && begin(j, t, w, false))
		return true;
	c = cause_now(j, t);
	fw_alarm_raise(j->core, &c, j->now_us);
	return true;
}

/* What was back before is over; `last` was later. */
static bool
take_late_over(const struct judging *j, const struct fw_threshold *t, struct fw_watched **w,
    const struct fw_mark *last)
{
	enum fw_class class = class_of(j, t);
	int64_t back_us = last->known ? last->at_us : j->before->observed_at_us;
	struct fw_cause c;

	if (last->over || fw_slot_alarm(j->core, j->device, j->point, class, t) ||
	    (t->delay_us && back_us - j->at_us < t->delay_us) || (*w && (*w)->pending))
		return false;
	if (t->delay_us && begin(j, t, w, true))
		return true;
	c = cause_now(j, t);
	fw_alarm_raise(j->core, &c, j->now_us);
	fw_slot_end(j->core, &c, j->now_us);
	return true;
}

/* Of two live reports of a boot the sequence tells, whatever the device's clock says. */
static bool
is_before(const struct judging *j, const struct fw_pending *p)
{
	if (j->report->boot_id == p->boot_id && !j->past && !p->backfill)
		return j->report->sequence < p->sequence;
	return j->at_us < p->at_us;
}

static bool
take_back(const struct judging *j, struct fw_watched *w, bool late)
{
	if (!w || !w->pending || w->pending->past != late || is_before(j, w->pending))
		return false;
	fw_watched_end(j->core, w, "cleared");
	return true;
}

/* Its last report; after a new start, as far as can be told: measured no later than the device's
 * last one. */
static struct fw_mark
mark_of(const struct judging *j, const struct fw_alarm *a, unsigned bit)
{
	bool sooner = j->before->seen && j->before->observed_at_us < a->last_seen_us;
	const struct fw_hold *hold = fw_alarm_held_by(a, bit);
	int64_t at_us = sooner ? j->before->observed_at_us : a->last_seen_us;

	return (struct fw_mark){.at_us = hold->observed_at_us ? hold->observed_at_us : at_us,
	    .sequence = hold->sequence,
	    .boot_id = hold->boot_id,
	    .known = true,
	    .over = true};
}

static struct fw_mark
last_of(const struct judging *j, const struct fw_threshold *t, const struct fw_watched *w)
{
	const struct fw_alarm *a;

	if (w && w->last.known)
		return w->last;
	a = j->device->alarms ? fw_slot_alarm(j->core, j->device, j->point, class_of(j, t), t)
			      : NULL;
	return a ? mark_of(j, a, fw_slot_bit(t)) : (struct fw_mark){.known = false};
}

/* Another one raises the same alarm from the other side: between the two it matters which. */
static bool
has_twin(const struct judging *j, const struct fw_threshold *t)
{
	for (size_t k = 0; k < j->count; k++)
		if (j->slots[k]->class == t->class && j->slots[k]->below != t->below &&
		    !j->slots[k]->window_us == !t->window_us)
			return true;
	return false;
}

static void
remember(const struct judging *j, const struct fw_threshold *t, struct fw_watched *w,
    enum verdict verdict)
{
	bool keep = j->keep || has_twin(j, t);

	if (!keep && w && !w->pending && !w->rate) {
		fw_watched_free(j->core, w);
		return;
	}
	if (verdict == BETWEEN || (!w && !keep))
		return;
	if (!w)
		w = fw_watched_make(j->core, j->device, j->point, t);
	if (w)
		w->last = (struct fw_mark){.at_us = j->at_us,
		    .sequence = j->report->sequence,
		    .boot_id = j->report->boot_id,
		    .known = true,
		    .over = verdict == OVER,
		    .past = j->past};
}

/* What is pending has lasted, as the reading's time tells. */
static bool
has_lasted(
    const struct judging *j, const struct fw_threshold *t, const struct fw_watched *w, bool late)
{
	return w && w->pending && w->pending->past == late &&
	       j->at_us - w->pending->at_us >= t->delay_us;
}

/* *verdict is what the reading says of what stands; BETWEEN: nothing.  True: state has changed. */
static bool
judge_slot(struct judging *j, const struct fw_threshold *t, enum verdict *verdict)
{
	struct fw_watched *w = fw_watched_find(j->core, j->device, j->point, t);
	bool late = false, changed = false;
	struct fw_mark last;

	*verdict = BETWEEN;
	if (t->window_us && !w && !(w = fw_watched_make(j->core, j->device, j->point, t)))
		return false;
	j->change = t->window_us ? fw_watched_change(w, t, j->at_us, j->value) : 0;
	*verdict = compare(t, t->window_us ? j->change : j->value);
	last = last_of(j, t, w);
	late = !t->window_us && is_older(j, &last);
	if (has_lasted(j, t, w, late)) {
		fw_slot_fire(j->core, w, t, j->report->message->received_at_us, j->now_us);
		changed = true;
	}
	if (*verdict == OVER)
		changed |= late ? take_late_over(j, t, &w, &last) : take_over(j, t, &w);
	else if (*verdict == BACK)
		changed |= take_back(j, w, late);
	if (late)
		*verdict = BETWEEN;
	else
		remember(j, t, w, *verdict);
	return changed;
}

/* ---------------------------------------------------------------- one reading */

/* Between raise and clear it is as it was, where that is known. */
static bool
was_back(const struct judging *j, const struct fw_threshold *t)
{
	const struct fw_watched *w = fw_watched_find(j->core, j->device, j->point, t);

	return w && w->last.known && !w->last.over;
}

/* What the thresholds of an alarm say together; none: the rules have changed since it was raised.
 */
static enum verdict
together(const struct judging *j, const struct fw_alarm *a, bool is_change,
    const enum verdict *verdicts, const struct fw_threshold **which)
{
	enum verdict verdict = BACK;

	*which = NULL;
	for (size_t k = 0; k < j->count; k++) {
		const struct fw_threshold *t = j->slots[k];

		if ((t->window_us != 0) != is_change || class_of(j, t) != a->class)
			continue;
		if (verdicts[k] > verdict && !(verdicts[k] == BETWEEN && was_back(j, t)))
			verdict = verdicts[k];
		if (!*which || verdicts[k] == BACK)
			*which = t;
	}
	return verdict;
}

/* It was raised by a threshold that is no more, and by no later report. */
static bool
is_orphan(const struct judging *j, const struct fw_alarm *a, unsigned bit)
{
	const struct fw_mark last = mark_of(j, a, bit);

	return !is_older(j, &last);
}

static double
change_by(const struct judging *j, const struct fw_threshold *t)
{
	for (size_t k = 0; k < j->count; k++)
		if (j->slots[k] == t)
			return j->changes[k];
	return 0;
}

static bool
restore(
    const struct judging *j, const struct fw_alarm *a, bool is_change, const struct fw_threshold *t)
{
	struct fw_cause c = fw_cause_of_report(j->core, j->device, j->report);
	const char *how = "no threshold for it is in force any more";

	if (t)
		how = fw_measure_back(&j->core->arena, t, j->value, change_by(j, t));
	c.point = j->point;
	c.bit = is_change ? FW_BIT_OF_CHANGE((unsigned)j->quantity)
			  : FW_BIT_OF_VALUE((unsigned)j->quantity);
	c.judgement.class = a->class;
	return fw_alarm_restore_class(j->core, &c, how, j->now_us);
}

/* A report that contradicts itself has said that it is over. */
static bool
said_it_itself(const struct judging *j, const struct fw_hold *hold)
{
	return hold->boot_id == j->report->boot_id && hold->sequence == j->report->sequence;
}

static bool
settle_one(
    const struct judging *j, const struct fw_alarm *a, bool is_change, const enum verdict *verdicts)
{
	unsigned bit = is_change ? FW_BIT_OF_CHANGE((unsigned)j->quantity)
				 : FW_BIT_OF_VALUE((unsigned)j->quantity);
	const struct fw_hold *hold = fw_alarm_held_by(a, bit);
	const struct fw_threshold *t;

	if (!hold || said_it_itself(j, hold) || together(j, a, is_change, verdicts, &t) != BACK ||
	    (!t && !is_orphan(j, a, bit)))
		return false;
	return restore(j, a, is_change, t);
}

/* Found by point and class: a device may have many alarms. */
static bool
settle(const struct judging *j, const enum verdict *verdicts)
{
	bool changed = false;

	for (int class = 0; class < FW_CLASSES; class ++) {
		const struct fw_alarm *a =
		    fw_alarm_raised(j->core, j->device, j->point, (enum fw_class) class);

		if (a)
			changed |= settle_one(j, a, false, verdicts);
		if (a && !a->restored_at_us)
			changed |= settle_one(j, a, true, verdicts);
	}
	return changed;
}

/* True: state has changed. */
static bool
judge(struct judging *j, uint32_t point, int32_t quantity, double value)
{
	enum verdict verdicts[FW_SLOTS_MOST];
	bool changed = false;

	if (quantity <= 0 || quantity >= FW_QUANTITIES ||
	    (!(j->profile->quantities & UINT32_C(1) << quantity) && !j->device->alarms))
		return false;
	j->point = point;
	j->quantity = quantity;
	j->value = value;
	j->count = fw_slots_of(j->profile, quantity, &j->slots);
	for (size_t k = 0; k < j->count; k++) {
		changed |= judge_slot(j, j->slots[k], &verdicts[k]);
		j->changes[k] = j->change;
	}
	if (j->device->alarms)
		changed |= settle(j, verdicts);
	return changed;
}

/* ---------------------------------------------------------------- face */

bool
fw_threshold_take(
    struct fw_core *core, const struct fw_report *r, const struct fw_before *before, int64_t now_us)
{
	struct judging j = {.core = core,
	    .report = r,
	    .device = r->device,
	    .profile = fw_core_profile(core, r->device),
	    .before = before,
	    .now_us = now_us};
	bool changed = false;

	if (!j.profile->quantities && !j.device->alarms)
		return false;
	place_in_time(&j);
	for (size_t k = 0; k < r->reading_count; k++)
		if (r->readings[k].quantity < FW_WIRE_QUANTITIES)
			changed |= judge(&j, r->readings[k].point, r->readings[k].quantity,
			    r->readings[k].value);
	if (r->health && r->health->battery_percent)
		changed |=
		    judge(&j, 0, FW_QUANTITY_BATTERY_PERCENT, (double)r->health->battery_percent);
	if (r->health && r->health->signal_dbm)
		changed |= judge(&j, 0, FW_QUANTITY_SIGNAL_DBM, (double)r->health->signal_dbm);
	return changed;
}
