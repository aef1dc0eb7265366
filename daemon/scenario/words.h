/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of one line of a scenario, and the values that words can be.  Each sim_take_… reads one
 * value from the front; without one it writes the fault (the first one of a line is kept) and
 * returns FW_EFORMAT.
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "scenario/scenario.h"

#define SIM_WORDS_MAX 96

struct sim_word {
	char *text;
	bool quoted;
};

struct sim_words {
	struct fw_arena *arena;
	struct sim_word word[SIM_WORDS_MAX];
	size_t count, at;
	char what[160]; /* the fault; "" none */
};

/* FW_EFORMAT also here: an open quote, a bad escape, too many words. */
FW_MUST_CHECK int sim_words_split(
    struct sim_words *w, struct fw_arena *arena, const char *line, size_t n);

int sim_words_fault(struct sim_words *w, const char *format, ...) FW_PRINTF(2, 3);

bool sim_words_left(const struct sim_words *w);
bool sim_words_accept(struct sim_words *w, const char *word); /* takes it if it is next */

FW_MUST_CHECK int sim_take_word(struct sim_words *w, const char *wanted, char **out);
FW_MUST_CHECK int sim_take_number(struct sim_words *w, int64_t least, int64_t most, int64_t *out);
FW_MUST_CHECK int sim_take_sequence(struct sim_words *w, uint64_t *out);
FW_MUST_CHECK int sim_take_duration(struct sim_words *w, int64_t *out_us);
FW_MUST_CHECK int sim_take_bytes(struct sim_words *w, int64_t *out);
FW_MUST_CHECK int sim_take_value(struct sim_words *w, double *out);
FW_MUST_CHECK int sim_take_series(struct sim_words *w, struct sim_series *out);
FW_MUST_CHECK int sim_take_clock(struct sim_words *w, struct sim_clock *out);
FW_MUST_CHECK int sim_take_mode(struct sim_words *w, int64_t *out);
FW_MUST_CHECK int sim_take_lane(struct sim_words *w, int64_t *out);
FW_MUST_CHECK int sim_take_condition(struct sim_words *w, int64_t *out);
FW_MUST_CHECK int sim_take_quantity(struct sim_words *w, int64_t *out);
FW_MUST_CHECK int sim_take_hex(struct sim_words *w, uint8_t **out, size_t *len);

#endif
