/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms, the incidents they belong to, and what is done about them.
 *
 * An alarm is one class of condition at one point of a device, from raised to restored.  An
 * incident gathers the alarms of one site until a person closes it.  The two are independent: an
 * alarm may restore unanswered, and an incident may be closed while its alarm still sounds.
 *
 * Each new cause to call people is a *trigger* of the incident and is counted.  An acknowledgement
 * or a closing covers the triggers it has seen; so
 *
 *	open          a trigger that no answer covers
 *	acknowledged  acknowledged_trigger == trigger_count
 *	closed        closed_trigger == trigger_count
 *
 * follows from comparing counts, and an answer that crosses a new trigger on the wire cannot
 * silence it.
 *
 * A trigger plans steps (a policy line with a due time); a step that comes due is resolved to
 * people, and each gets a page:
 *
 *	FW_PAGE_WRITING    its claim is on the way to the database, which may refuse it
 *	FW_PAGE_SENDING    with its channel
 *	FW_PAGE_WAITING    the last attempt failed; the next is due at deadline
 *	FW_PAGE_DELIVERED  over, as with FW_PAGE_FAILED (for good) and FW_PAGE_CANCELLED:
 *	                   freed at the next input
 */
#ifndef FW_MODEL_INCIDENT_H
#define FW_MODEL_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"
#include "model/device.h"
#include "model/names.h"

/* Bytes with the NUL; long enough for any id: device (64), boot, sequence, event, and for pages
 * trigger, step, person and channel. */
#define FW_ID_MAX 384

struct fw_area;
struct fw_incident;

/*
 * What holds an alarm raised, as bits of its conditions: those of the wire (enum
 * fw_condition), what the centre finds itself, and thresholds that are passed, of a quantity's
 * value or of its change.
 */
enum fw_finding {
	FW_FINDING_OFFLINE = 24, /* not heard of for too long */
	FW_FINDING_REBOOT,       /* began anew without a word why */
	FW_FINDING_CLOCK,        /* its clock is not to be believed */
	FW_FINDING_GAPS,         /* reports of it are missing */
	FW_FINDING_CHATTER,      /* raises and restores the same alarm over and over */
};
_Static_assert(
    (int)FW_CONDITIONS <= (int)FW_FINDING_OFFLINE, "a condition has the bit of a finding");
#define FW_BIT_OF_VALUE(quantity) (32 + (quantity))
#define FW_BIT_OF_CHANGE(quantity) (32 + FW_QUANTITIES + (quantity))

/* One bit of them that is raised, and the last report that said so; sequence 0: none did. */
struct fw_hold {
	unsigned bit;
	uint32_t boot_id;
	uint64_t sequence;
	int64_t observed_at_us; /* 0: not known, of an earlier run */
};

/* There is at most one raised alarm of each. */
struct fw_alarm_key {
	const struct fw_device *device;
	uint32_t point;
	uint32_t class; /* enum fw_class */
};

struct fw_alarm {
	struct fw_deadline hazard_due; /* first; when it has lasted for too long */
	struct fw_alarm_key key;
	char *id; /* device~boot~sequence~event of the report that raised it, or what else did */
	struct fw_device *device;
	struct fw_incident *incident;
	uint32_t point;
	enum fw_class class;
	enum fw_severity severity;
	enum fw_weight weight;
	enum fw_level_id level; /* protection level in force when it was raised */
	uint64_t conditions;    /* what holds it raised, or did when it ended */
	struct fw_hold *holds;  /* one for each */
	uint32_t hold_count, hold_cap;
	uint32_t system_type, component_type, mode;
	bool backfill;
	bool held_back; /* it was restored, but chatters: core/chatter.c ends it */
	bool windowed;  /* raised in a test window that covers it still */
	bool is_hazard; /* has lasted for too long */
	bool was_reset; /* ended by a reset, not by its device's word */
	bool dirty;     /* on the core's list of alarms to write */
	int64_t observed_at_us, received_at_us, last_seen_us;
	int64_t restored_at_us; /* 0: raised */
	uint32_t report_count;
	uint32_t raised_boot; /* of the last report that raised it */
	uint64_t raised_sequence;
	uint32_t restored_boot; /* of the report that restored it; sequence 0: none did */
	uint64_t restored_sequence;
	char *zone;
	char *reason; /* the rule that made it, in words */
	char *rule;   /* which rule: see struct fw_judgement */
	char *data;   /* what was measured or counted, in words */
	char *text;   /* the device's */
	struct fw_alarm *device_next,
	    **device_at; /* of the device's raised ones; at: what points to it */
	struct fw_alarm *incident_next, **incident_at;
	enum fw_weight counted_weight; /* as its incident counts it */
	bool counted_windowed;
	/* Where it is counted as one of many of its division (core/area.c); NULL: nowhere. */
	struct fw_area *area;
	struct fw_alarm *area_next, *area_prev;
	int64_t area_at_us;
	bool area_counts; /* for its device */
	struct fw_alarm *next_dirty;
};

/* More alarms of a division than people can follow. */
struct fw_flood {
	const char *division;
	int64_t started_at_us, ended_at_us; /* ended 0: it lasts */
	uint32_t peak_10min, alarms;
};

/* A planned step of a policy. */
struct fw_step {
	struct fw_deadline deadline; /* first */
	struct fw_incident *incident;
	uint32_t trigger;
	int step;
	char *role, *channel;
	enum { FW_STEP_QUEUED, FW_STEP_DONE, FW_STEP_CANCELLED } state;
	bool site_only; /* its trigger is inside a test window: for people of the site itself */
	bool force; /* done although the incident was answered: a fire that is confirmed or verified
		     */
	int64_t due_at_us;
	struct fw_step *next;
};

enum fw_page_state {
	FW_PAGE_WRITING,
	FW_PAGE_SENDING,
	FW_PAGE_WAITING,
	FW_PAGE_DELIVERED,
	FW_PAGE_FAILED,
	FW_PAGE_CANCELLED,
};

/* A page to one person. */
struct fw_page {
	struct fw_deadline deadline; /* first; by state */
	struct fw_incident *incident;
	char *id; /* incident~trigger~step~person~channel */
	uint32_t trigger;
	int step;
	char *role, *person, *person_name, *channel, *target;
	enum fw_page_state state;
	bool force; /* sent although the incident was answered: a fire that is confirmed or verified
		     */
	bool force_claimed; /* the claim under way says so */
	bool unclaimed;     /* this attempt was sent before its claim was committed */
	bool site_only;     /* its step is */
	uint32_t attempts;  /* with the one under way */
	int64_t due_at_us;  /* of the next attempt */
	int64_t sent_at_us; /* when the last attempt was claimed; 0: none yet */
	char *error;        /* of the last attempt, or NULL */
	struct fw_page *next;
};

struct fw_incident {
	char *id;  /* device~boot~sequence of the report that opened it, or what else did */
	char *key; /* site's id, "device:" and the id of an unclaimed device, or that of an area:
		      fw_incident_area_key */
	char *division, *site; /* site "" for an unclaimed device, and for an area */
	char *merged_into;     /* the area's incident that it is part of now, and closed; or NULL */
	char *device;          /* whose report opened it */
	enum fw_class class;   /* the highest of its alarms */
	enum fw_severity severity; /* likewise */
	enum fw_confidence confidence;
	bool dirty; /* on the core's list of incidents to write */
	bool closed;
	bool area; /* of a whole division: many sites have it in common */
	int64_t opened_at_us, confirmed_at_us, closed_at_us;
	int64_t called_at_us; /* when what called people last was received */
	uint32_t trigger_count, acknowledged_trigger, closed_trigger;
	/* The last trigger that is not inside a test window, and the highest class of those;
	   FW_CLASSES: there is none. */
	uint32_t outside_trigger;
	int64_t outside_at_us; /* when; 0: by an earlier run */
	enum fw_class outside_class;
	/* Of what an earlier run has left: the highest class of alarms outside a window; whether
	   anything was inside. */
	enum fw_class loaded_outside;
	bool loaded_inside;
	uint32_t alarm_count;
	enum fw_verdict verdict;
	enum fw_level_id level; /* protection level in force when it opened */
	uint32_t merged_count;  /* incidents that were merged into it since the start */
	uint32_t raised_alarms; /* of those on the list */
	uint32_t linked_alarms,
	    prune_above; /* how many are on the list; when to look for those that may go */
	uint32_t weighing[FW_WEIGHTS][2]; /* of those on the list: by weight, and windowed */
	struct fw_alarm *alarms; /* raised, or restored so lately that they may still confirm;
				    linked by incident_next */
	struct fw_step *steps;   /* of the last trigger, and queued ones that it replaced until they
				    are written */
	struct fw_page *pages;   /* not over */
	uint32_t delivered_trigger; /* the last one that a page was delivered for */
	uint32_t unreached_trigger; /* the last one that a page failed for, for good */
	char **failed_people; /* whose page has failed for good since the last loud trigger … */
	uint32_t failed_count, failed_cap; /* … none of them twice */
	uint32_t next_rung; /* of fw_town_anyone, for the next time that nobody is reached */
	bool unreached;     /* on the core's list */
	struct fw_incident *next_unreached;
	/* What the last trigger was, for the pages: copied, since its alarm may be gone. */
	enum fw_class cause_class;
	char *cause_device, *cause_zone, *cause_text;
	int64_t cause_observed_us, cause_received_us;
	bool cause_test, cause_backfill;
	struct fw_incident *next_dirty;
};

/* What ids are derived from: device~boot~sequence, with ~r behind it when taken in again from
 * quarantine; of a report whose name cannot be believed, who sent it, when, and its place. */
void fw_report_name(const struct fw_device *d, const struct fw_report *r, char out[FW_ID_MAX]);

/* Its bit holds it, as that report says; an older one of the same boot changes nothing, nor does
 * what no report has said. */
void fw_alarm_hold(struct fw_alarm *a, struct fw_hold by);
/* NULL: it does not. */
const struct fw_hold *fw_alarm_held_by(const struct fw_alarm *a, unsigned bit);
/* It does not any more; the last one is kept in conditions.  True: it was the last one. */
bool fw_alarm_let_go(struct fw_alarm *a, unsigned bit);

/* That a page to this person has failed for good; at most FW_FAILED_MOST are remembered. */
#define FW_FAILED_MOST 64
void fw_incident_note_failed(struct fw_incident *i, const char *person);
bool fw_incident_has_failed(const struct fw_incident *i, const char *person);
void fw_incident_forget_failed(struct fw_incident *i);

/* The id of the site it is of; "" none.  Its incident may be of an area, which has many. */
const char *fw_alarm_site(const struct fw_alarm *a);

void fw_alarm_free(struct fw_alarm *a);
void fw_step_free(struct fw_step *s);
void fw_page_free(struct fw_page *p);
/* Its steps and pages too; its alarms must be gone. */
void fw_incident_free(struct fw_incident *i);

bool fw_page_is_over(const struct fw_page *p);
/* What it says there is: beyond the site nobody hears of what a test has raised. */
enum fw_class fw_page_class(const struct fw_page *p);

/* Of an area's incident, area~DIVISION~CLASS~NAME, the key "area:DIVISION:CLASS"; false: the id is
 * of another kind. */
bool fw_incident_area_key(const char *id, char *key, size_t size);

/* Some trigger is not acknowledged; … that is not inside a test window. */
bool fw_incident_is_open(const struct fw_incident *i);
bool fw_incident_is_open_outside(const struct fw_incident *i);

#endif
