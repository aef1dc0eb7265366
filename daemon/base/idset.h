/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things found by the name that is written in each of them, at eight bytes a slot: what a strmap is
 * too large for, a million devices.  Like it seeded and open addressing, but nothing is ever taken
 * out.  The things belong to whoever adds them and must live as long as the set.
 */
#ifndef FW_BASE_IDSET_H
#define FW_BASE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_idset {
	uint64_t *slots; /* 16 bits of the name's hash, 48 of the address; 0: empty */
	size_t count, cap;
	uint64_t seed;
	size_t name_at; /* where in a thing its name is: text with a NUL behind it */
};

void fw_idset_init(struct fw_idset *s, uint64_t seed, size_t name_at);
void fw_idset_fini(struct fw_idset *s);

/* Room for `count` things, so that the set is not made anew while it fills. */
void fw_idset_reserve(struct fw_idset *s, size_t count);

/* NULL when there is none. */
void *fw_idset_get(const struct fw_idset *s, const char *name, size_t n);

/* What is about to be looked for, two steps ahead: the hash of a name, its slot on the way to the
 * cache; then the thing. */
uint64_t fw_idset_expect(const struct fw_idset *s, const char *name, size_t n);
void fw_idset_fetch(const struct fw_idset *s, uint64_t hash);

/* Adds it, in the place of one with the same name. */
void fw_idset_add(struct fw_idset *s, void *thing);

size_t fw_idset_count(const struct fw_idset *s);

/* Walks in no order: *cursor starts at 0; false at the end. */
bool fw_idset_next(const struct fw_idset *s, size_t *cursor, void **thing);

#endif
