/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from text to pointer: open addressing, SipHash-1-3 with a seed, since keys come from
 * outside.  It owns neither keys nor values: a key must live as long as its entry (it is usually a
 * field of the value).
 */
#ifndef FW_BASE_STRMAP_H
#define FW_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_strmap_slot;

struct fw_strmap {
	struct fw_strmap_slot *slots;
	size_t count, used, cap; /* used: with those of removed entries */
	uint64_t seed;
};

/* SipHash-1-3 of the key. */
uint64_t fw_text_hash(uint64_t seed, const char *key, size_t n);

void fw_strmap_init(struct fw_strmap *m, uint64_t seed);
void fw_strmap_fini(struct fw_strmap *m);

/* NULL when there is none. */
void *fw_strmap_get(const struct fw_strmap *m, const char *key, size_t n);

/* Adds or replaces; the key of the newer value is kept.  value must not be NULL. */
void fw_strmap_put(struct fw_strmap *m, const char *key, size_t n, void *value);

/* The value that was there, or NULL. */
void *fw_strmap_remove(struct fw_strmap *m, const char *key, size_t n);

size_t fw_strmap_count(const struct fw_strmap *m);

/* Walks in no order: *cursor starts at 0; false at the end.  The entry just visited may be removed,
 * nothing may be added. */
bool fw_strmap_next(const struct fw_strmap *m, size_t *cursor, void **value);

#endif
