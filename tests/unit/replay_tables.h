/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of the database for the tests of a new start: rows that only commits write, and a core
 * that is loaded from them.  What is loaded, and in which order, is what io/store_read.c does.
 */
#ifndef REPLAY_TABLES_H
#define REPLAY_TABLES_H

#include "core_fixture.h"

#define ROWS 2048
#define WINDOWS 16

enum table { REPORT, ALARM, INCIDENT, STEP, PAGE, WATCH, HAZARD, FLOOD, WINDOW, TABLES };

struct row {
	enum table table;
	char id[FW_ID_MAX];
	char incident[FW_ID_MAX], device[72], division[16];
	union {
		struct fw_alarm alarm; /* texts are not of the row: what is compared and loaded
					  needs none but the zone */
		struct fw_incident incident;
		struct fw_step step;
		struct fw_page page;
		struct fw_watch_row watch;
		struct fw_hazard hazard;
		struct fw_flood flood;
	} u;
	char data[160], zone[32], key[96], site[32], role[32], channel[32], person[64], target[64],
	    state[16], report[FW_ID_MAX], merged_into[FW_ID_MAX];
	uint32_t boot;
	uint64_t sequence;
};

struct rows {
	struct row items[ROWS];
	size_t count;
};

struct database {
	struct rows written, gathered;
	/* What people have declared: those with an id.  A row WINDOW says that its end is written
	 * down. */
	struct fw_window windows[WINDOWS];
	char window_ids[WINDOWS][24];
	size_t window_count;
};

/* For bench.seen, with the database as its context. */
void tables_see(const struct fw_action *action, void *database);

/* All that is gathered, and the answers. */
void tables_commit(struct bench *b, struct database *db);

/* A core that knows what is committed, and nothing else. */
void tables_start_anew(struct bench *b, struct database *db);

/* The core reads the list of windows, as it does when one is declared or ended. */
void tables_read_windows(struct bench *b, const struct database *db);

size_t tables_count(const struct rows *rows, enum table table);

#endif
