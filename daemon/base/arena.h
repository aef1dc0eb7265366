/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given out piece by piece and taken back all at once.  Alignment 8; never NULL
 * (see mem.h). */
#ifndef FW_BASE_ARENA_H
#define FW_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"

struct fw_arena_block;

struct fw_arena {
	struct fw_arena_block *blocks; /* the one in use first */
	size_t block_bytes;            /* of a new block; a larger piece gets a block of its own */
};

void fw_arena_init(struct fw_arena *a, size_t block_bytes);
void fw_arena_fini(struct fw_arena *a);

/* Takes everything back and keeps one block for the next round, so that a steady load allocates
 * nothing. */
void fw_arena_reset(struct fw_arena *a);

/* `n` bytes, not zeroed; n may be 0. */
void *fw_arena_alloc(struct fw_arena *a, size_t n) __attribute__((returns_nonnull));

/* A copy of `n` bytes of text with a NUL behind it. */
char *fw_arena_text(struct fw_arena *a, const char *text, size_t n)
    __attribute__((returns_nonnull));

char *fw_arena_printf(struct fw_arena *a, const char *format, ...) FW_PRINTF(2, 3)
    __attribute__((returns_nonnull));

#endif
