/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the core: its state, and how the verbs of this folder hand on to each other.  Nobody
 * outside core/ includes this.
 *
 *	core.c      inputs: the town, time, answers
 *	pipeline.c  the input that is a message, report by report
 *	decode.c    bytes -> reports
 *	classify.c  condition -> class, with the reason; by the table of classify_table.c
 *	event.c     what a device says -> cause
 *	threshold.c readings -> thresholds passed, and back; watched.c their memory
 *	passed.c    threshold passed -> cause; measure.c in words
 *	alarm.c     cause -> alarm raised, repeated, restored
 *	incident.c  alarm -> incident, trigger
 *	confirm.c   how sure a fire is
 *	chatter.c   the same alarm over and over -> one, and a fault
 *	flood.c     how many alarms a division has
 *	area.c      many alarms of a division -> one incident
 *	supervise.c silence -> cause
 *	conduct.c   what a device's reports give away beside what they say -> cause
 *	hearing.c   up to when, and when not, the centre could hear
 *	escalate.c  trigger -> steps -> pages due
 *	pages.c     page: written, sent, retried, done
 *	receipt.c   committed -> receipts, stored ledger
 *	window.c    test windows: what they keep at the site, and their ends
 *	hazard.c    what lasts too long or comes back too often
 *	timeline.c  what is written down about an incident
 *	load.c      state of an earlier run
 *	state.c     memory
 *
 * Rows of alarms and incidents are written by fw_core_flush, once per transaction however often
 * they changed; hence the lists of what is dirty.
 */
#ifndef FW_CORE_STATE_H
#define FW_CORE_STATE_H

#include "base/arena.h"
#include "base/deadline.h"
#include "base/idset.h"
#include "base/strmap.h"
#include "core/classify.h"
#include "core/core.h"

/* Nobody could be heard from from_us until up_us; whoever has not come back since, has until to_us.
 */
struct fw_outage {
	int64_t from_us, up_us, to_us;
};

struct fw_hearing {
	int64_t until_us;      /* every message received before is decided */
	int64_t deaf_since_us; /* holds while it does not listen; 0: it never has */
	int64_t began_us;      /* nobody listened before */
	bool listening;
	uint32_t outage_count;
	struct fw_outage outages[FW_OUTAGES_MAX]; /* by time, and apart */
};

struct fw_core {
	struct fw_rules rules;
	struct fw_town *town;
	uint64_t hash_seed;

	struct fw_arena lasting; /* devices and the texts they share */
	struct fw_idset devices; /* of struct fw_device */
	struct fw_strmap texts;  /* divisions of topics, and firmware */
	/* id -> struct fw_incident: not closed, or with raised alarms */
	struct fw_strmap incidents;
	struct fw_strmap open_incidents; /* key -> struct fw_incident: not closed */
	struct fw_strmap pages;          /* id -> struct fw_page: not over */
	struct fw_strmap chatters;       /* struct fw_alarm_key -> struct fw_chatter */
	struct fw_strmap floods;         /* division -> struct fw_flood_meter */
	struct fw_strmap areas;          /* key -> struct fw_area, in `lasting` */
	struct fw_strmap raised;         /* struct fw_alarm_key -> struct fw_alarm */
	/* likewise: the emergency that was restored last, while it is remembered */
	struct fw_strmap restored;
	struct fw_strmap watches; /* struct fw_watched_key -> struct fw_watched */
	struct fw_deadlines steps_due, pages_due, hazards_due, windows_due, watches_due,
	    chatters_due, floods_due;
	int64_t watches_held_us; /* what may end one of those loaded is waited for */
	/* What was received before loaded_us is decided first: until then, at most until unread_us,
	 * time passes only as far as messages tell.  unread_us 0: it is decided. */
	int64_t loaded_us, unread_us;
	struct fw_windows *windows;    /* NULL: none yet */
	struct fw_strmap false_alarms; /* "site:" or "device:" and id -> struct fw_false_alarms */
	bool false_alarms_unchecked;   /* those loaded */

	struct fw_hearing hearing;
	struct fw_deadlines silence_due; /* fw_device.silence */
	struct fw_deadlines conduct_due; /* struct fw_follow of conduct.c */
	int64_t next_level_us;           /* when a protection level begins or ends; 0: a new town */
	bool sweeping;                   /* all devices are looked at, some each tick … */
	size_t swept;                    /* … up to here */

	struct fw_alarm *dirty_alarms;
	struct fw_incident *dirty_incidents;
	struct fw_flood_meter *dirty_floods;
	struct fw_incident *unreached; /* an emergency's page failed for good in this input */
	struct fw_device *dirty_devices, **dirty_devices_end; /* first marked, first written */

	/* Freed at the next input, since actions may still point to them. */
	struct fw_alarm *dead_alarms;
	struct fw_incident *dead_incidents;
	struct fw_page *dead_pages;
	struct fw_step *dead_steps;

	/* Of the input being handled. */
	struct fw_arena arena;
	enum fw_lane lane; /* of actions that write no state */
	struct fw_action *actions;
	size_t action_count, action_cap;

	int64_t last_now_us;
	struct fw_core_counters counters;
};

/* state.c */
void fw_core_begin(struct fw_core *core);
struct fw_actions fw_core_end(struct fw_core *core);
struct fw_action *fw_emit(struct fw_core *core, enum fw_action_type type);
/* The device, made when it is not known; division: of the topic it came on. */
struct fw_device *fw_core_device(struct fw_core *core, const char *id, const char *division);
/* Likewise, of a row of an earlier run; see load.c. */
struct fw_device *fw_core_device_of_row(struct fw_core *core, const char *id, const char *division);
/* Its registration's, or what goes for strangers. */
const struct fw_profile *fw_core_profile(const struct fw_core *core, const struct fw_device *d);
/* The protection level in force where it is, at that time. */
enum fw_level_id fw_core_level(
    const struct fw_core *core, const struct fw_device *d, int64_t at_us);
/* What its firmware is, of `n` bytes. */
void fw_device_set_firmware(struct fw_core *core, struct fw_device *d, const char *text, size_t n);
void fw_mark_device(struct fw_core *core, struct fw_device *d);
/* The time of an input.  A clock that was set back must not hold back what is due: deadlines go
 * back with it. */
void fw_core_now(struct fw_core *core, int64_t now_us);
/* What ends by itself up to then, each in its turn: so the rows do not depend on when it is
 * noticed. */
void fw_core_pass(struct fw_core *core, int64_t until_us, int64_t now_us);
/* The raised alarm of its point and class, or the emergency restored last that is still remembered;
 * NULL: none. */
struct fw_alarm *fw_alarm_raised(
    const struct fw_core *core, const struct fw_device *d, uint32_t point, enum fw_class class);
struct fw_alarm *fw_alarm_restored(
    const struct fw_core *core, const struct fw_device *d, uint32_t point, enum fw_class class);
/* Raised, it is found by its key and on its device's list; restored, it is off the list and, an
 * emergency, still found. */
void fw_alarm_index(struct fw_core *core, struct fw_alarm *a);
void fw_alarm_link(struct fw_incident *i, struct fw_alarm *a); /* to the incident */
void fw_alarm_unlink(struct fw_alarm *a);
void fw_alarm_recount(struct fw_alarm *a); /* its weight has changed, or what covers it */
/* Frees restored alarms, at the next input, but emergencies seen since before_us: they may confirm
 * another one, or chatter. */
void fw_incident_prune(struct fw_core *core, struct fw_incident *i, int64_t before_us);
/* Frees it, at the next input, when nothing holds it any more. */
void fw_incident_release(struct fw_core *core, struct fw_incident *i);

/* What raises an alarm, or restores it: a device's word, a reading, silence.  In the arena. */
struct fw_cause {
	struct fw_device *device; /* whose alarm it is: the report's, or who sent a report that
				     names another one */
	uint32_t point;
	unsigned bit; /* see enum fw_finding */
	struct fw_judgement judgement;
	const char *name; /* what caused it: an incident that it opens is called so */
	const char *id;   /* the alarm's, derived from name */
	const char *text; /* the device's */
	const char *data; /* what was measured or counted, in words */
	uint32_t system_type, component_type, mode;
	bool backfill;
	uint32_t boot_id;
	uint64_t sequence; /* 0: no report */
	int64_t observed_at_us, received_at_us;
};

/* event.c */
/* What it means, of that device, at the protection level of the time it was received. */
struct fw_judgement fw_judge(
    const struct fw_core *core, const struct fw_device *d, const struct fw_event *e, int64_t at_us);
/* All but point, bit, judgement and id.  Of another device's report, which `d` has sent, boot and
 * sequence say nothing. */
struct fw_cause fw_cause_of_report(
    struct fw_core *core, struct fw_device *d, const struct fw_report *r);
/* `d` is whose alarm it is.  True: state has changed. */
bool fw_event_take(struct fw_core *core, struct fw_device *d, const struct fw_report *r,
    size_t event_index, int64_t now_us);

/* threshold.c */
/* What was known of the device before a report. */
struct fw_before {
	bool seen;
	uint32_t boot_id;       /* of its last report that came when it was made */
	int64_t observed_at_us; /* when that was */
};
struct fw_before fw_threshold_before(const struct fw_device *d);
/* The report's readings and what it measures of itself.  True: state has changed. */
bool fw_threshold_take(struct fw_core *core, const struct fw_report *r,
    const struct fw_before *before, int64_t now_us);

/* passed.c */
/* The fires and gas in the readings of a report that is not believed, for that device; nothing
 * else of it is heard.  True: state has changed. */
bool fw_threshold_take_refused(
    struct fw_core *core, struct fw_device *d, const struct fw_report *r, int64_t now_us);
/* What has lasted by then. */
void fw_threshold_upto(struct fw_core *core, int64_t at_us, int64_t now_us);
/* The town is another one: forgets what no threshold asks for any more; what must last is dropped
 * when it is due. */
void fw_threshold_renew(struct fw_core *core);

/* watched.c */
void fw_watches_fini(struct fw_core *core);

/* alarm.c */
void fw_alarm_raise(struct fw_core *core, const struct fw_cause *c, int64_t now_us);
/* What the cause had raised at its point, whatever its class; `how` in words.  True: state has
 * changed. */
bool fw_alarm_restore(
    struct fw_core *core, const struct fw_cause *c, const char *how, int64_t now_us);
/* Likewise, but of its judgement's class alone, and whatever came before it. */
bool fw_alarm_restore_class(
    struct fw_core *core, const struct fw_cause *c, const char *how, int64_t now_us);
/* What the device had said of the point, or with point 0 of all of them, is over. */
bool fw_alarm_reset(struct fw_core *core, const struct fw_cause *c, int64_t now_us);
/* The restore that was held back counts now, as of when it was said. */
void fw_alarm_end_held_back(struct fw_core *core, struct fw_alarm *a, int64_t now_us);
void fw_alarm_mark(struct fw_core *core, struct fw_alarm *a);
void fw_alarm_flush(struct fw_core *core);

/* incident.c */
void fw_incident_attach(
    struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us);
/* It is raised again with a new condition, or after a silence: calls people anew unless they are
 * being called. */
void fw_incident_again(struct fw_core *core, struct fw_alarm *a, int64_t now_us);
void fw_incident_detach(struct fw_core *core, struct fw_alarm *a);
/* No test window covers it any more, and it is raised: it calls people like a new one. */
void fw_incident_let_out(struct fw_core *core, struct fw_alarm *a, int64_t at_us, int64_t now_us);
void fw_incident_mark(struct fw_core *core, struct fw_incident *i);
void fw_incident_flush(struct fw_core *core);
/* A new one, of an alarm's class, severity and level; it is not linked.  Texts are copied. */
struct fw_incident *fw_incident_new(struct fw_core *core, const char *id, const char *key,
    const char *division, const char *site, const struct fw_alarm *a, const struct fw_cause *c);
/* Calls people for an area's member, unless they are being called; `text` is what pages say. */
void fw_incident_call_area(
    struct fw_core *core, struct fw_alarm *a, const char *text, int64_t now_us);
/* It ends as part of another one, to which its raised alarms have gone: what is queued for it is
 * cancelled. */
void fw_incident_merged(
    struct fw_core *core, struct fw_incident *i, const char *into, int64_t now_us);
/* "site" or "device:id": what gathers alarms into one incident.  In the arena. */
const char *fw_incident_key(struct fw_core *core, const struct fw_device *d);

/* confirm.c */
/* What an alarm that was raised, or repeated, says of its incident's fire. */
void fw_incident_confirm(struct fw_core *core, const struct fw_alarm *a, int64_t now_us);

/* chatter.c */
/* First of all with a cause that raises or restores: what was due before it. */
void fw_chatter_settle(struct fw_core *core, const struct fw_cause *c, int64_t now_us);
/* Its alarm is raised, anew or still. */
void fw_chatter_raised(struct fw_core *core, const struct fw_cause *c, bool anew, int64_t now_us);
void fw_chatter_ended(struct fw_core *core, const struct fw_alarm *a);
/* True: the cause, which would end the alarm, does not yet. */
bool fw_chatter_holds_back(struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c);
void fw_chatter_tick(struct fw_core *core, int64_t at_us, int64_t now_us);
void fw_chatter_load(struct fw_core *core, struct fw_alarm *a);
void fw_chatter_free(struct fw_core *core);

/* flood.c */
/* An alarm of the division was opened. */
void fw_flood_count(struct fw_core *core, const char *division, int64_t at_us);
void fw_flood_tick(struct fw_core *core, int64_t at_us);
void fw_flood_flush(struct fw_core *core);
void fw_flood_shift(struct fw_core *core, int64_t by_us);
void fw_flood_free(struct fw_core *core);

/* area.c */
/* Counts an alarm that is new, or has the cause's bit anew.  True: the area's incident has it, and
 * its site is to have no other for it. */
bool fw_area_take(
    struct fw_core *core, struct fw_alarm *a, const struct fw_cause *c, int64_t now_us);
/* It is raised no more. */
void fw_area_forget(struct fw_alarm *a);
/* One of the incident's alarms was restored: says so when it was the last one. */
void fw_area_restored(struct fw_core *core, const struct fw_incident *i, int64_t now_us);
void fw_area_load(struct fw_core *core, struct fw_alarm *a);
/* supervise.c */
/* Of a report that was taken in, behind fw_conduct_report.  True: state has changed. */
bool fw_supervise_report(struct fw_core *core, const struct fw_report *r, int64_t now_us);
void fw_supervise_tick(struct fw_core *core, int64_t now_us);
/* It speaks in a division that this instance takes in. */
bool fw_is_served(const struct fw_core *core, const struct fw_device *d);
int64_t fw_supervise_next_us(const struct fw_core *core);
/* It is in the town that is read now, or is not any more. */
void fw_supervise_town(struct fw_core *core, struct fw_device *d);
/* The clock was set. */
void fw_supervise_shift(struct fw_core *core, int64_t by_us);

/* conduct.c */
/* Of a report that is new, before it is noted as the device's last.  True: state has changed. */
bool fw_conduct_report(struct fw_core *core, const struct fw_report *r, int64_t now_us);
void fw_conduct_tick(struct fw_core *core, int64_t until_us, int64_t now_us);
void fw_conduct_load_boot(struct fw_core *core, struct fw_device *d, struct fw_boot *boot);
void fw_conduct_load_alarm(struct fw_core *core, const struct fw_alarm *a);
void fw_conduct_free(struct fw_core *core);

/* hearing.c */
/* Up to when silence is silence. */
int64_t fw_hearing_until(const struct fw_core *core);
/* When somebody will have listened for heard_us, from from_us on. */
int64_t fw_hearing_passed(const struct fw_core *core, int64_t from_us, int64_t heard_us);
/* How much of that time nobody listened. */
int64_t fw_hearing_deaf(const struct fw_core *core, int64_t from_us, int64_t to_us);
void fw_hearing_shift(struct fw_core *core, int64_t by_us);

/* escalate.c */
/* How people are called for a trigger. */
struct fw_manner {
	bool quietly; /* not by those steps that were done for the one before */
	bool inside;  /* a test window: nobody beyond the site */
};
/* Plans the steps for the incident's last trigger, and does those that are due. */
void fw_escalate(struct fw_core *core, struct fw_incident *i, struct fw_manner how, int64_t now_us);
/* Some step is still to be done; outside: one that is not for the site's own people alone. */
bool fw_escalate_is_pending(const struct fw_incident *i, bool outside);
/* Pages whoever is next on duty for the emergencies of which no page reached anybody. */
void fw_escalate_unreached(struct fw_core *core, int64_t now_us);
/* Every step that has not been done is done now, answered or not. */
void fw_escalate_all(struct fw_core *core, struct fw_incident *i, int64_t now_us);
void fw_escalate_tick(struct fw_core *core, int64_t now_us);
/* Cancels the queued steps, with their rows. */
void fw_escalate_cancel(struct fw_core *core, struct fw_incident *i);
/* Forgets the queued steps that an answer covers; their rows are cancelled by whoever answered. */
void fw_escalate_answered(struct fw_core *core, struct fw_incident *i);

/* pages.c */
void fw_page_make(struct fw_core *core, struct fw_incident *i, const struct fw_step *s,
    const struct fw_person *person, int64_t now_us);
void fw_page_tick(struct fw_core *core, int64_t now_us);
void fw_page_claimed(struct fw_core *core, struct fw_page *p, bool claimed, int64_t now_us);
void fw_page_sent(struct fw_core *core, struct fw_page *p, const char *error, int64_t now_us);
/* Cancels the pages that wait for another attempt and that an answer covers. */
void fw_page_answered(struct fw_core *core, struct fw_incident *i);

/* window.c */
/* The window that covers the place at that time; NULL: none. */
const struct fw_window *fw_window_of(
    const struct fw_core *core, const struct fw_device *d, const char *zone, int64_t at_us);
void fw_window_tick(struct fw_core *core, int64_t at_us, int64_t now_us);
/* What none covers any more at that time. */
void fw_window_let_out(struct fw_core *core, int64_t at_us, int64_t now_us);

/* hazard.c */
struct fw_false_alarms;
void fw_false_alarms_free(struct fw_false_alarms *f);
/* When it has lasted for too long, by the rules of now; not while it is restored, held back or not.
 */
void fw_hazard_arm(struct fw_core *core, struct fw_alarm *a);
/* It is restored: what had lasted too long by then is a hazard, noticed or not. */
void fw_hazard_restored(struct fw_core *core, struct fw_alarm *a, int64_t now_us);
void fw_hazard_arm_all(struct fw_core *core);
/* What it was found to be; the incident has the verdict of before. */
void fw_hazard_verdict(
    struct fw_core *core, const struct fw_incident *i, enum fw_verdict verdict, int64_t now_us);
void fw_hazard_tick(struct fw_core *core, int64_t now_us);
void fw_hazard_check_loaded(struct fw_core *core, int64_t now_us);

/* timeline.c: `key` is copied */
void fw_timeline(struct fw_core *core, const struct fw_incident *i, int64_t at_us, const char *key,
    const char *kind, const char *actor, const char *format, ...) FW_PRINTF(7, 8);
/* "3 d", "30 h", "90 s": no rest of a large number is told; in the arena. */
const char *fw_duration_text(struct fw_core *core, int64_t us);

#endif
