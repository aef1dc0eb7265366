/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces out of blocks; see arena.h.  A piece that is larger than a block is put behind the block
 * in use. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ALIGNMENT 8

struct fw_arena_block {
	_Alignas(ALIGNMENT) struct fw_arena_block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

void
fw_arena_init(struct fw_arena *a, size_t block_bytes)
{
	*a = (struct fw_arena){.block_bytes = block_bytes};
}

static void
free_blocks(struct fw_arena_block *block)
{
	while (block) {
		struct fw_arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void
fw_arena_fini(struct fw_arena *a)
{
	free_blocks(a->blocks);
	a->blocks = NULL;
}

void
fw_arena_reset(struct fw_arena *a)
{
	struct fw_arena_block *kept = a->blocks;

	if (!kept)
		return;
	free_blocks(kept->next);
	kept->next = NULL;
	kept->used = 0;
	if (kept->size > a->block_bytes) {
		free(kept);
		a->blocks = NULL;
	}
}

static struct fw_arena_block *
add_block(struct fw_arena *a, size_t n)
{
	size_t size = n > a->block_bytes ? n : a->block_bytes;
	struct fw_arena_block *block = fw_realloc(NULL, sizeof(*block) + size, 1);

	block->size = size;
	block->used = 0;
	if (a->blocks && n > a->block_bytes) {
		block->next = a->blocks->next;
		a->blocks->next = block;
	} else {
		block->next = a->blocks;
		a->blocks = block;
	}
	return block;
}

void *
fw_arena_alloc(struct fw_arena *a, size_t n)
{
	struct fw_arena_block *block = a->blocks;
	void *piece;

	if (n > SIZE_MAX / 2)
		abort();
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!block || n > block->size - block->used)
		block = add_block(a, n);
	piece = block->bytes + block->used;
	block->used += n;
	return piece;
}

char *
fw_arena_text(struct fw_arena *a, const char *text, size_t n)
{
	char *copy = fw_arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
fw_arena_printf(struct fw_arena *a, const char *format, ...)
{
	va_list args;
	char *out;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return fw_arena_text(a, "", 0);
	out = fw_arena_alloc(a, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(out, (size_t)n + 1, format, args);
	va_end(args);
	return out;
}
