/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; see strmap.h.  Removed entries leave a mark until the table
 * is made anew. */
#include "base/strmap.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAP_MIN 16 /* caps are powers of two */

struct fw_strmap_slot {
	const char *key; /* NULL: never used */
	size_t len;
	uint64_t hash;
	void *value; /* NULL with a key: removed */
};

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* SipHash-1-3, the key made of the seed twice. */
uint64_t
fw_text_hash(uint64_t seed, const char *key, size_t n)
{
	struct sip s = {
	    .v0 = seed ^ UINT64_C(0x736f6d6570736575),
	    .v1 = seed ^ UINT64_C(0x646f72616e646f6d),
	    .v2 = seed ^ UINT64_C(0x6c7967656e657261),
	    .v3 = seed ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word, last = (uint64_t)n << 56;
	size_t at;

	for (at = 0; n - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, key + at, sizeof(word));
		sip_word(&s, le64toh(word));
	}
	for (unsigned shift = 0; at < n; at++, shift += 8)
		last |= (uint64_t)(unsigned char)key[at] << shift;
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void
fw_strmap_init(struct fw_strmap *m, uint64_t seed)
{
	*m = (struct fw_strmap){.seed = seed};
}

void
fw_strmap_fini(struct fw_strmap *m)
{
	free(m->slots);
	*m = (struct fw_strmap){.seed = m->seed};
}

/* The slot of the key, or the first never used one on its way. */
static struct fw_strmap_slot *
find(const struct fw_strmap *m, uint64_t hash, const char *key, size_t n)
{
	size_t mask = m->cap - 1;

	for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
		struct fw_strmap_slot *slot = &m->slots[i];

		if (!slot->key)
			return slot;
		if (slot->value && slot->hash == hash && slot->len == n &&
		    memcmp(slot->key, key, n) == 0)
			return slot;
	}
}

static void
make_anew(struct fw_strmap *m)
{
	struct fw_strmap_slot *old = m->slots;
	size_t old_cap = m->cap, cap = CAP_MIN;

	while (cap < (m->count + 1) * 2)
		cap *= 2;
	m->slots = fw_calloc(cap, sizeof(*m->slots));
	m->cap = cap;
	m->used = m->count;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].value)
			*find(m, old[i].hash, old[i].key, old[i].len) = old[i];
	free(old);
}

void *
fw_strmap_get(const struct fw_strmap *m, const char *key, size_t n)
{
	if (m->count == 0)
		return NULL;
	return find(m, fw_text_hash(m->seed, key, n), key, n)->value;
}

void
fw_strmap_put(struct fw_strmap *m, const char *key, size_t n, void *value)
{
	uint64_t hash = fw_text_hash(m->seed, key, n);
	struct fw_strmap_slot *slot;

	if (m->used + 1 > m->cap / 4 * 3)
		make_anew(m);
	slot = find(m, hash, key, n);
	if (!slot->key) {
		m->count++;
		m->used++;
	}
	*slot = (struct fw_strmap_slot){.key = key, .len = n, .hash = hash, .value = value};
}

void *
fw_strmap_remove(struct fw_strmap *m, const char *key, size_t n)
{
	struct fw_strmap_slot *slot;
	void *value;

	if (m->count == 0)
		return NULL;
	slot = find(m, fw_text_hash(m->seed, key, n), key, n);
	value = slot->value;
	if (!value)
		return NULL;
	slot->key = ""; /* the owner may free its own */
	slot->len = 0;
	slot->value = NULL;
	m->count--;
	return value;
}

size_t
fw_strmap_count(const struct fw_strmap *m)
{
	return m->count;
}

bool
fw_strmap_next(const struct fw_strmap *m, size_t *cursor, void **value)
{
	while (*cursor < m->cap) {
		const struct fw_strmap_slot *slot = &m->slots[(*cursor)++];

		if (slot->value) {
			*value = slot->value;
			return true;
		}
	}
	return false;
}
