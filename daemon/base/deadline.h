/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines in a binary heap: embed a struct fw_deadline in what is to become due.  O(log n) to
 * set, move and cancel. */
#ifndef FW_BASE_DEADLINE_H
#define FW_BASE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_deadline {
	int64_t at_us;
	size_t place; /* in the heap, from 1; 0: not set */
};

struct fw_deadlines {
	struct fw_deadline **heap;
	size_t count, cap;
};

void fw_deadlines_init(struct fw_deadlines *all);
void fw_deadlines_fini(struct fw_deadlines *all); /* the embedding structs are their owner's */

/* Sets or moves it. */
void fw_deadline_set(struct fw_deadlines *all, struct fw_deadline *d, int64_t at_us);
void fw_deadline_cancel(
    struct fw_deadlines *all, struct fw_deadline *d); /* no effect when it is not set */
bool fw_deadline_is_set(const struct fw_deadline *d);

/* Takes out the earliest that is due at now_us (at_us <= now_us), or NULL. */
struct fw_deadline *fw_deadlines_pop(struct fw_deadlines *all, int64_t now_us);

/* Moves all of them by the same time. */
void fw_deadlines_shift(struct fw_deadlines *all, int64_t by_us);

/* The earliest time set, FW_NEVER (time.h) when none is. */
int64_t fw_deadlines_next_us(const struct fw_deadlines *all);

#endif
