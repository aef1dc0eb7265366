/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing; see idset.h.  A name is read only where the bits of its hash agree. */
#include "base/idset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"

#define CAP_MIN 16
#define CACHE_LINE 64
#define LOOK_AHEAD 8 /* slots */
#define ADDRESS_BITS 48
#define ADDRESS_MASK ((UINT64_C(1) << ADDRESS_BITS) - 1)

void
fw_idset_init(struct fw_idset *s, uint64_t seed, size_t name_at)
{
	*s = (struct fw_idset){.seed = seed, .name_at = name_at};
}

void
fw_idset_fini(struct fw_idset *s)
{
	free(s->slots);
	fw_idset_init(s, s->seed, s->name_at);
}

static void *
thing_of(uint64_t slot)
{
	return (void *)(uintptr_t)(slot & ADDRESS_MASK);
}

static const char *
name_of(const struct fw_idset *s, uint64_t slot)
{
	return (const char *)thing_of(slot) + s->name_at;
}

/* Where its run begins.  The cap is no power of two, which would waste half of the table. */
static size_t
start_of(const struct fw_idset *s, uint64_t hash)
{
	return (size_t)(((hash & UINT32_MAX) * s->cap) >> 32);
}

static bool
is_likely(uint64_t slot, uint64_t hash)
{
	return slot >> ADDRESS_BITS == hash >> ADDRESS_BITS;
}

/* All of the thing up to its name, which is what comes next in a town that is larger than the
 * cache. */
static void
fetch(const struct fw_idset *s, uint64_t slot)
{
	const char *thing = thing_of(slot);

	for (size_t at = 0; at < s->name_at + CACHE_LINE; at += CACHE_LINE)
		__builtin_prefetch(thing + at, 1);
}

/* The slot of the name, or the empty one behind its run. */
static uint64_t *
find(const struct fw_idset *s, uint64_t hash, const char *name, size_t n)
{
	for (size_t i = start_of(s, hash);;) {
		uint64_t *slot = &s->slots[i];

		if (!*slot)
			return slot;
		if (is_likely(*slot, hash)) {
			fetch(s, *slot);
			if (strncmp(name_of(s, *slot), name, n) == 0 &&
			    name_of(s, *slot)[n] == '\0')
				return slot;
		}
		if (++i == s->cap)
			i = 0;
	}
}

static void
make_anew(struct fw_idset *s, size_t cap)
{
	uint64_t *old = s->slots;
	size_t old_cap = s->cap;

	s->slots = fw_calloc(cap, sizeof(*s->slots));
	s->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		const char *name = old[i] ? name_of(s, old[i]) : "";

		if (old[i])
			*find(s, fw_text_hash(s->seed, name, strlen(name)), name, strlen(name)) =
			    old[i];
	}
	free(old);
}

void
fw_idset_reserve(struct fw_idset *s, size_t count)
{
	size_t cap = count + count / 2;

	if (cap < CAP_MIN)
		cap = CAP_MIN;
	if (cap > s->cap && cap <= UINT32_MAX)
		make_anew(s, cap);
}

void *
fw_idset_get(const struct fw_idset *s, const char *name, size_t n)
{
	if (s->count == 0)
		return NULL;
	return thing_of(*find(s, fw_text_hash(s->seed, name, n), name, n));
}

uint64_t
fw_idset_expect(const struct fw_idset *s, const char *name, size_t n)
{
	uint64_t hash = fw_text_hash(s->seed, name, n);

	if (s->cap)
		__builtin_prefetch(&s->slots[start_of(s, hash)]);
	return hash;
}

void
fw_idset_fetch(const struct fw_idset *s, uint64_t hash)
{
	size_t start = s->cap ? start_of(s, hash) : 0;

	for (size_t i = start; i < s->cap && i < start + LOOK_AHEAD && s->slots[i]; i++)
		if (is_likely(s->slots[i], hash)) {
			fetch(s, s->slots[i]);
			return;
		}
}

void
fw_idset_add(struct fw_idset *s, void *thing)
{
	const char *name = (const char *)thing + s->name_at;
	size_t n = strlen(name);
	uint64_t hash = fw_text_hash(s->seed, name, n), *slot;

	if ((uintptr_t)thing & ~ADDRESS_MASK)
		abort();
	if (s->count + 1 > s->cap / 4 * 3)
		fw_idset_reserve(s, s->count + s->count / 4 + CAP_MIN);
	slot = find(s, hash, name, n);
	if (!*slot)
		s->count++;
	*slot = hash >> ADDRESS_BITS << ADDRESS_BITS | (uintptr_t)thing;
}

size_t
fw_idset_count(const struct fw_idset *s)
{
	return s->count;
}

bool
fw_idset_next(const struct fw_idset *s, size_t *cursor, void **thing)
{
	while (*cursor < s->cap) {
		uint64_t slot = s->slots[(*cursor)++];

		if (slot) {
			*thing = thing_of(slot);
			return true;
		}
	}
	return false;
}
