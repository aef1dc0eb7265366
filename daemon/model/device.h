/* SPDX-License-Identifier: Apache-2.0 */
/* A device as the core knows it: who it is, which of its reports have come, and its alarms that are
 * raised. */
#ifndef FW_MODEL_DEVICE_H
#define FW_MODEL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/deadline.h"
#include "base/seqset.h"
#include "model/report.h"
#include "model/town.h"

/* Boots of a device that are held in memory; the one longest unused gives way. */
#define FW_BOOTS_MAX 1024
#define FW_FIRMWARE_MAX 39 /* bytes of it that are kept, cut at a character */

/* Points and conditions of a device that are remembered to be over; the one longest unused gives
 * way. */
#define FW_OVERS_MAX 64

struct fw_alarm;
struct fw_device_rest;

struct fw_boot {
	struct fw_seqset received; /* taken in: refuses duplicates */
	struct fw_seqset recorded; /* committed: what receipts and the stored ledger speak of */
	uint32_t boot_id;
	bool dirty; /* recorded has changed since it was written */
	bool live;  /* a report came of it that was not back-filled, or it was loaded */
};

/* There may be a million of them: every byte counts, and what each report touches stands first. */
struct fw_device {
	const struct fw_registration *registration; /* NULL: not in the town */
	struct fw_boot boot;                        /* the one used last; holds when has_boot */
	struct fw_device_rest *rest;                /* what most devices do not have; NULL */
	struct fw_device *next_dirty;
	/* While nothing has been seen last_observed_us is since when it is known; 0: not yet. */
	int64_t last_seen_us, last_observed_us;
	/* of the last topic it, or a child of it, came on; never NULL, lives as the core does */
	const char *topic_division;
	const char *firmware;       /* holds when has_health */
	struct fw_alarm *alarms;    /* raised ones; linked by device_next */
	struct fw_deadline silence; /* when to look whether it has spoken */
	uint32_t mode;
	uint32_t last_boot_id;
	int32_t signal_dbm;
	uint16_t watch_count;   /* of the core's memory of readings (core/watched.h) */
	uint16_t reason_minute; /* when it last gave a reason to begin anew; 0: long ago */
	uint8_t battery_percent;
	bool has_boot : 1;
	bool registering : 1; /* the row that registers it as unclaimed has been emitted */
	bool dirty : 1;       /* on the core's list of devices to write */
	bool seen : 1;        /* last_seen_us to clock_fault hold */
	bool clock_fault : 1;
	bool has_health : 1;
	bool mains_ok : 1;
	bool owns_firmware : 1;
	bool offline : 1;         /* an alarm says so */
	bool was_due : 1;         /* its silence was too long already when it was supervised anew */
	bool behind : 1;          /* was silent while its gateway was offline */
	bool gaps_followed : 1;   /* see core/conduct.c */
	uint8_t clock_doubts : 2; /* live reports in a row whose time was not believed, up to 3 */
	char id[];
};

/* In the arena, which must outlive it. */
struct fw_device *fw_device_new(struct fw_arena *arena, const char *id);

/* Frees what it holds beside the arena. */
void fw_device_fini(struct fw_device *d);

/* Its division's code: its registration's, or the topic's while it has none. */
const char *fw_device_division(const struct fw_device *d);

/* Its site, or NULL while it is unclaimed. */
const struct fw_site *fw_device_site(const struct fw_device *d);

/*
 * That the conditions (bits) of the point are over as of this report; all of the wire at point 0:
 * of all its points.  is_over: a later report of the same boot than this one has said so.
 */
void fw_device_note_over(
    struct fw_device *d, uint32_t point, uint64_t conditions, uint32_t boot_id, uint64_t sequence);
bool fw_device_is_over(const struct fw_device *d, uint32_t point, uint64_t conditions,
    uint32_t boot_id, uint64_t sequence);

/* The boot, NULL when it is not held. */
struct fw_boot *fw_device_boot(struct fw_device *d, uint32_t boot_id);

/* The boot, made when it is not held; it is then the one used last.  Boots found before move.  When
 * one gives way, if possible one that has nothing to be written, *forgotten counts up. */
struct fw_boot *fw_device_boot_make(struct fw_device *d, uint32_t boot_id, uint64_t *forgotten);

/* The boots that are held, by number from 0, the one used last first; NULL behind the last. */
struct fw_boot *fw_device_boot_at(struct fw_device *d, size_t number);

#endif
