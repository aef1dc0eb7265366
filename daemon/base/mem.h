/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap memory that is never NULL.  Without memory the process aborts: the journal holds what was
 * accepted, the service manager starts the daemon anew.  Freed with free().
 */
#ifndef FW_BASE_MEM_H
#define FW_BASE_MEM_H

#include <stddef.h>

void *fw_calloc(size_t count, size_t size) __attribute__((returns_nonnull, malloc));
void *fw_realloc(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *fw_strdup(const char *text) __attribute__((returns_nonnull, malloc));

/* Room for at least `wanted` items of `size` bytes: doubles *cap as needed. */
void *fw_grow(void *items, size_t *cap, size_t wanted, size_t size)
    __attribute__((returns_nonnull));

#endif
