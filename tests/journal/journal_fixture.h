/* SPDX-License-Identifier: Apache-2.0 */
/* A journal in a temporary folder, and records that carry a number. */
#ifndef FW_TESTS_JOURNAL_FIXTURE_H
#define FW_TESTS_JOURNAL_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "io/journal.h"

#define SEGMENT 4096
#define TOPIC "fire/v1/330782001/敬老院-01/alarm"

struct fixture {
	char folder[32], copy[64], why[256];
	struct fw_journal_options options;
	struct fw_journal *j;
};

int fixture_set_up(void **context);
int fixture_tear_down(void **context);

/* The names of the segments in the folder, ascending; the path of the one asked for. */
int fixture_segments(const char *folder, int wanted, char path[512]);

/* What a kill at this moment would leave behind, in f->copy. */
void fixture_copy_folder(const struct fixture *f);

void fixture_copy_file(const char *from, const char *to);
void fixture_overwrite(const char *path, long at, const char *bytes, size_t n);

void fixture_open(struct fixture *f, const char *folder);
void fixture_close(struct fixture *f);

int fixture_append(struct fw_journal *j, int number);
void fixture_append_numbers(struct fw_journal *j, int from, int to);

/* Of a record; the whole of it is checked. */
int fixture_number(const struct fw_record *r);

/* Reads up to the end, numbers ascending; the first and how many. */
int fixture_read_all(struct fw_journal *j, int *first);
/* Reads up to the number; the position behind its record. */
uint64_t fixture_read_up_to(struct fw_journal *j, int number);

struct fw_journal_state fixture_state(const struct fw_journal *j);

#endif
