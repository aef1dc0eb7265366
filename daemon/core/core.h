/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core: (input, now) -> actions.  It decodes, deduplicates, classifies, and decides about
 * alarms, incidents and pages.  It does no I/O, reads no clock and knows no library but protobuf-c;
 * whoever calls it carries out the actions in their order.
 *
 * All times are microseconds since 1970 UTC.  One thread.  What actions point to holds until the
 * next call into the core.
 */
#ifndef FW_CORE_CORE_H
#define FW_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/device.h"
#include "model/incident.h"
#include "model/report.h"
#include "model/town.h"
#include "model/window.h"

struct fw_core;

#define FW_OUTAGES_MAX 64 /* that are remembered */

/* What the settings decide. */
struct fw_rules {
	int64_t clock_ahead_us, clock_behind_us;
	int64_t confirm_within_us;
	int64_t realarm_after_us;
	/* so many devices of a division, or such a share of them, are an area's incident */
	uint32_t area_devices, area_share_percent;
	int64_t uncommitted_us; /* a fire page not committed by then is sent all the same */
	int64_t retry_us,
	    retry_max_us;      /* between attempts of a page: the first pause and the longest */
	uint32_t attempts;     /* most attempts of a page */
	const char *divisions; /* that are taken in, and so supervised: codes with commas between;
				  "*" or NULL: all.  Lives as the core does */
};

struct fw_settings;
struct fw_rules fw_rules_of(const struct fw_settings *s);

enum fw_action_type {
	FW_ACT_REPORT,     /* u.report: write it down */
	FW_ACT_DUPLICATE,  /* u.report: write down that it came again, unless it is the same record
			      of the journal replayed */
	FW_ACT_QUARANTINE, /* u.quarantine: keep the bytes and the reason */
	FW_ACT_REPLAYED,   /* u.replayed: what became of a message taken in again from quarantine */
	FW_ACT_REGISTER,   /* u.device: write it down as unclaimed */
	FW_ACT_ALARM,      /* u.alarm: write its row, new or changed */
	FW_ACT_INCIDENT,   /* u.incident: likewise */
	FW_ACT_STEP,       /* u.step: likewise */
	FW_ACT_PAGE,       /* u.page: write its row, claimed, unless the incident is answered; then
			      fw_core_claimed */
	FW_ACT_CLAIM,      /* u.page: claim its row for a further attempt; then fw_core_claimed */
	FW_ACT_RESULT,     /* u.page: write what became of an attempt */
	FW_ACT_TIMELINE,   /* u.timeline */
	FW_ACT_FLOOD,      /* u.flood: write its row, new or changed */
	FW_ACT_WINDOW,     /* u.window: write down that it is over */
	FW_ACT_HAZARD,     /* u.hazard: write it down, unless it is known */
	FW_ACT_WATCH,      /* u.watch: write its row, new or changed */
	FW_ACT_SEND,       /* u.page: hand it to its channel; then fw_core_sent */
	FW_ACT_ASK,        /* u.incident: read what people have done about it; then fw_core_acted */
	FW_ACT_RECEIPT,    /* u.receipt: publish it to the device */
	FW_ACT_STATUS,     /* u.device: write what it last said of itself */
	FW_ACT_LEDGER,     /* u.ledger: write what is recorded of a boot */
	FW_ACT_OUTAGE,     /* u.outage: write down when devices could not be heard */
	FW_ACT_LEDGER_MARK, /* with the ledger rows before it the stored ledger is complete: nothing
			       recorded is missing from it */
};

struct fw_quarantine {
	const struct fw_message *message;
	int32_t index;      /* the report within the message; -1 the message as a whole */
	const char *device; /* the topic's, "-" where the topic is not one of ours */
	enum fw_reason reason;
	const char *detail;
	/* an Uplink that holds the refused report alone, or the whole payload */
	const uint8_t *payload;
	size_t payload_len;
	const char *report_device; /* what it claimed to be, or NULL */
	bool has_sequence;
	uint32_t boot_id;
	uint64_t sequence;
};

/* One report's fate: the caller keeps it with the transaction that writes it and gives it back to
 * fw_core_committed. */
struct fw_receipt_item {
	struct fw_device *via;    /* whose topic it came on: where the receipt goes; NULL: of a
				     message as a whole, which has no sequence */
	struct fw_device *device; /* NULL: the report named a device that is not believed; `claimed`
				     is its name */
	char *claimed;            /* heap, owned by the item; NULL when device is set */
	uint32_t boot_id;
	enum fw_lane lane;       /* it came by, whichever lane's transaction writes it */
	uint64_t sequence;       /* 0: no receipt can be given for it */
	bool duplicate;          /* says nothing of whether the report itself is recorded */
	enum fw_reason rejected; /* FW_REASON_NONE: recorded */
};

struct fw_timeline {
	const struct fw_incident *incident;
	const char *key; /* derived from its cause: a replay makes the same */
	int64_t at_us;
	const char *kind, *actor, *detail;
};

/* Something that has lasted too long, or come back too often.  Its row is found by its id; found
 * again at the same time it is the same. */
struct fw_hazard {
	const char *id, *division, *site, *device; /* site, device "": none */
	const char *class, *kind;                  /* class "": none; kind of sql/0010 */
	bool major;
	const char *person, *reason, *alarm; /* who is responsible, or ""; in words; its id or "" */
	int64_t found_at_us, deadline_at_us;
};

/* A reading that is over a threshold and has not lasted yet, or what became of it. */
struct fw_watch_row {
	const char *device, *division;
	uint32_t point;
	int32_t quantity;
	enum fw_class class; /* with below and is_change: which threshold of the quantity */
	bool below, is_change;
	const char *state; /* pending, raised, cleared; dropped: its threshold was taken away */
	const char *name;  /* of the first report that was over */
	double value;      /* that it measured */
	double change;     /* within the threshold's window */
	uint32_t boot_id;
	uint64_t sequence;
	uint32_t mode;
	bool backfill;
	bool past; /* a later reading is known that was back */
	int64_t at_us, observed_at_us, received_at_us;
	int64_t due_at_us; /* when it has lasted */
};

struct fw_action {
	enum fw_action_type type;
	enum fw_lane lane;           /* whose transaction it belongs to */
	struct fw_receipt_item item; /* of a REPORT, DUPLICATE and QUARANTINE: goes with the row
					into the transaction */
	union {
		const struct fw_report *report;
		const struct fw_quarantine *quarantine;
		const struct fw_device *device;
		const struct fw_alarm *alarm;
		const struct fw_incident *incident;
		const struct fw_step *step;
		const struct fw_page *page;
		const struct fw_timeline *timeline;
		const struct fw_flood *flood;
		const struct fw_hazard *hazard;
		struct {
			const struct fw_window *window;
			int64_t at_us;
		} window;
		const struct fw_watch_row *watch;
		struct {
			const char *division, *device;
			const uint8_t *bytes;
			size_t len;
		} receipt;
		struct {
			const struct fw_device *device;
			const struct fw_boot *boot;
		} ledger;
		struct {
			const char *quarantine_id, *outcome;
		} replayed;
		struct {
			int64_t from_us, up_us;
		} outage;
	} u;
};

struct fw_actions {
	const struct fw_action *items;
	size_t count;
};

/*
 * Counted since the core was made.  What was received can be named at any time, lane by lane:
 *
 *	received = committed + duplicates + quarantined + in flight + journalled
 *
 * It is counted in items: each report of a message is one, and so is a message, or the rest of one,
 * that cannot be taken apart.  A message that is still unread in the journal is journalled and
 * counts as one until it is taken apart.  An item is decided once, as new, a duplicate or
 * quarantined, in the call that takes its message apart; then it is in flight, in a batch that is
 * gathered or under way, until the row is committed.  It counts for the lane it came by, even where
 * another lane's transaction writes it.
 *
 *	messages - replays            = records read from the journal
 *	items                         = reports + duplicates + quarantined     (decided)
 *	items - the three `committed` = items that the stores hold             (in flight)
 *
 * The two sides of each line are counted in different places, so that an error shows.  A row that
 * the database refused for good is decided as new and committed as quarantined.  One whose key the
 * database knew is committed: fw_store_state counts it.  What is taken in again from quarantine
 * counts anew, unless it is refused again: it is there already.  What the journal held at the start
 * counts as it is read; a report of it that was promoted and committed before is a duplicate
 * without a row of its own.
 */
struct fw_core_counters {
	uint64_t messages[FW_LANES];
	uint64_t replays[FW_LANES]; /* of the messages: not from the journal */
	uint64_t items[FW_LANES];
	uint64_t reports[FW_LANES]; /* accepted as new */
	uint64_t duplicates[FW_LANES];
	uint64_t quarantined[FW_LANES]; /* reports, and messages that could not be taken apart */
	uint64_t committed[FW_LANES], committed_duplicates[FW_LANES],
	    committed_quarantined[FW_LANES];
	uint64_t promoted; /* telemetry reports that changed state */
	uint64_t alarms_opened, incidents_opened, pages;
	uint64_t chatters;        /* times that an alarm began to chatter */
	uint64_t floods;          /* that last now */
	uint64_t boots_forgotten; /* of devices that had too many */
	uint64_t nobody;          /* times that an emergency found nobody at all to page */
	uint64_t pages_failed;    /* for good, after all their attempts */
	uint64_t unreached; /* times that every page of an emergency's trigger had failed so */
	uint64_t hazards;   /* found, again ones too */
	uint64_t watches_refused; /* times that a device had too many to remember a reading */
	uint64_t devices, incidents, pages_pending, windows,
	    watches; /* held now; windows: not over */
};

struct fw_core *fw_core_new(const struct fw_rules *rules, uint64_t hash_seed);
void fw_core_free(struct fw_core *core);
void fw_core_set_rules(struct fw_core *core, const struct fw_rules *rules);

/* Takes ownership of the town and frees the one before.  Until the first, nothing else may be
 * called. */
void fw_core_set_town(struct fw_core *core, struct fw_town *town);
const struct fw_town *fw_core_town(const struct fw_core *core);

/* Inputs.  Each returns what is to be done. */

/* The windows, with those that were over lately; takes ownership and frees those before. */
struct fw_actions fw_core_set_windows(
    struct fw_core *core, struct fw_windows *windows, int64_t now_us);

/* A message of a lane, or one taken in again from quarantine. */
struct fw_actions fw_core_message(
    struct fw_core *core, const struct fw_message *message, int64_t now_us);

/* Time has passed: steps, retries, pages that wait too long for the database. */
struct fw_actions fw_core_tick(struct fw_core *core, int64_t now_us);
int64_t fw_core_next_tick_us(const struct fw_core *core);

/* Every message that was received before until_us has been decided: devices are held silent up to
 * then, with the next tick.  Where that is long ago, what ends or begins by itself waits for what
 * is unread, for half a minute at most. */
void fw_core_heard(struct fw_core *core, int64_t until_us, int64_t now_us);

/* Whether devices can be heard, as of at_us.  From false to true it does not count as their
 * silence, and as long again, at most a minute, in which they come back.  A core begins without,
 * since the last time that any device was heard of. */
struct fw_actions fw_core_listening(struct fw_core *core, bool listening, int64_t at_us);

/* The transaction is about to be sent: the rows of alarms and incidents that changed since the last
 * one. */
struct fw_actions fw_core_flush(struct fw_core *core);

/* The ledger and status rows of devices that changed, at most `most` of them; nothing when none
 * has. */
struct fw_actions fw_core_flush_devices(struct fw_core *core, size_t most);

/* They are committed: the items of the transaction's FW_ACT_REPORT, FW_ACT_DUPLICATE and
   FW_ACT_QUARANTINE actions.  Sorts them, and frees what they own. */
struct fw_actions fw_core_committed(
    struct fw_core *core, struct fw_receipt_item *items, size_t count, int64_t now_us);

/* The rows of these pages are committed: claimed ones are to be sent, the others were answered
   before.  An id that is not known is passed over. */
struct fw_actions fw_core_claimed(
    struct fw_core *core, const char *page_id, bool claimed, int64_t now_us);

/* An attempt ended; error NULL: delivered. */
struct fw_actions fw_core_sent(
    struct fw_core *core, const char *page_id, const char *error, int64_t now_us);

/* What a person has done, as its row says. */
struct fw_act {
	const char *incident_id;
	uint32_t acknowledged_trigger, closed_trigger;
	enum fw_verdict verdict;
	int64_t closed_at_us;
};
struct fw_actions fw_core_acted(struct fw_core *core, const struct fw_act *act, int64_t now_us);

/* State of an earlier run, in this order; before the first input.  See load.c for what is believed
 * of it. */
void fw_core_load_boot(struct fw_core *core, const char *device, const char *division,
    uint32_t boot_id, uint64_t highest, const struct fw_gap *gaps, size_t gap_count);
void fw_core_load_report(struct fw_core *core, const char *device, const char *division,
    uint32_t boot_id, uint64_t sequence, int64_t now_us);
/* When a device was last heard of, and with what; last_seen_us 0: never, and known since known_us.
 * Of several the latest counts.  topic_division: that it spoke in, or NULL. */
struct fw_seen {
	const char *device, *topic_division;
	int64_t last_seen_us, last_observed_us, known_us;
	uint32_t boot_id, mode;
	bool clock_fault;
};
void fw_core_load_seen(struct fw_core *core, const struct fw_seen *seen);
/* By time. */
void fw_core_load_outage(struct fw_core *core, int64_t from_us, int64_t up_us);
/* Takes ownership. */
void fw_core_load_windows(struct fw_core *core, struct fw_windows *windows);
/* Of the last thirty days. */
void fw_core_load_false_alarm(struct fw_core *core, const char *division, const char *site,
    const char *device, int64_t opened_at_us);
/* Takes ownership. */
void fw_core_load_incident(struct fw_core *core, struct fw_incident *incident);
/* Takes ownership on FW_OK; FW_ENOTFOUND: no such incident. */
FW_MUST_CHECK int fw_core_load_alarm(struct fw_core *core, struct fw_alarm *alarm,
    const char *device, const char *division, const char *incident_id);
FW_MUST_CHECK int fw_core_load_step(
    struct fw_core *core, struct fw_step *step, const char *incident_id);
FW_MUST_CHECK int fw_core_load_page(
    struct fw_core *core, struct fw_page *page, const char *incident_id);

/* All of it.  What was received before comes first: for half a minute, at most, what ends or begins
 * by itself is judged by the times of messages alone, until fw_core_heard tells that it is decided.
 */
void fw_core_loaded(struct fw_core *core, int64_t now_us);

/* When alarms of a division were opened, in their order; then the floods that last. */
void fw_core_load_opened(struct fw_core *core, const char *division, int64_t at_us);
void fw_core_load_flood(struct fw_core *core, const struct fw_flood *flood);
/* A pending one; a threshold that the town has no more is dropped when it is due. */
void fw_core_load_watch(struct fw_core *core, const struct fw_watch_row *row, int64_t now_us);

void fw_core_counters(const struct fw_core *core, struct fw_core_counters *out);

#endif
