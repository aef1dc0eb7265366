/* SPDX-License-Identifier: Apache-2.0 */
/* The rulebook's rows, and how they are resolved to profiles; see rulebook.h. */
#include "model/rulebook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"

struct fw_rulebook {
	struct fw_arena arena;
	struct fw_strmap texts, kinds, profiles;
	struct fw_strmap own_sites, own_devices; /* those that a threshold names */
	struct fw_threshold *thresholds;
	size_t threshold_count, threshold_cap;
	struct fw_override *overrides;
	size_t override_count, override_cap;
	struct fw_hazard_limit *limits;
	size_t limit_count, limit_cap;
	struct fw_level levels[FW_LEVELS];
};

struct fw_rulebook *
fw_rulebook_new(uint64_t hash_seed)
{
	struct fw_rulebook *b = fw_calloc(1, sizeof(*b));

	fw_arena_init(&b->arena, 16 * 1024);
	fw_strmap_init(&b->texts, hash_seed);
	fw_strmap_init(&b->kinds, hash_seed);
	fw_strmap_init(&b->profiles, hash_seed);
	fw_strmap_init(&b->own_sites, hash_seed);
	fw_strmap_init(&b->own_devices, hash_seed);
	for (int i = 0; i < FW_LEVELS; i++)
		b->levels[i] = (struct fw_level){.name = fw_level_name((enum fw_level_id)i),
		    .timeout_percent = 100,
		    .extra_role = ""};
	return b;
}

void
fw_rulebook_free(struct fw_rulebook *b)
{
	if (!b)
		return;
	fw_strmap_fini(&b->texts);
	fw_strmap_fini(&b->kinds);
	fw_strmap_fini(&b->profiles);
	fw_strmap_fini(&b->own_sites);
	fw_strmap_fini(&b->own_devices);
	free(b->thresholds);
	free(b->overrides);
	free(b->limits);
	fw_arena_fini(&b->arena);
	free(b);
}

/* The same text once, so that equal texts are the same pointer. */
static const char *
keep(struct fw_rulebook *b, const char *text)
{
	size_t n = strlen(text);
	char *kept = n ? fw_strmap_get(&b->texts, text, n) : NULL;

	if (n && !kept) {
		kept = fw_arena_text(&b->arena, text, n);
		fw_strmap_put(&b->texts, kept, n, kept);
	}
	return kept ? kept : "";
}

static void *
keep_array(struct fw_rulebook *b, const void *items, size_t n)
{
	return n ? memcpy(fw_arena_alloc(&b->arena, n), items, n) : NULL;
}

/* ---------------------------------------------------------------- rows */

void
fw_rulebook_add_kind(struct fw_rulebook *b, const struct fw_kind *row)
{
	struct fw_kind *kind = keep_array(b, row, sizeof(*row));

	kind->name = keep(b, row->name);
	fw_strmap_put(&b->kinds, kind->name, strlen(kind->name), kind);
}

static void
mark_own(struct fw_strmap *own, const char *name)
{
	if (*name)
		fw_strmap_put(own, name, strlen(name), (void *)(uintptr_t)name);
}

void
fw_rulebook_add_threshold(struct fw_rulebook *b, const struct fw_threshold *row)
{
	struct fw_threshold *t;

	if (row->quantity <= 0 || row->quantity >= FW_QUANTITIES)
		return;
	b->thresholds = fw_grow(
	    b->thresholds, &b->threshold_cap, b->threshold_count + 1, sizeof(*b->thresholds));
	t = &b->thresholds[b->threshold_count++];
	*t = *row;
	t->reason = keep(b, row->reason);
	t->source = keep(b, row->source ? row->source : "");
	t->who.kind = keep(b, row->who.kind);
	t->who.category = keep(b, row->who.category);
	t->who.risk = keep(b, row->who.risk);
	t->who.site = keep(b, row->who.site);
	t->who.device = keep(b, row->who.device);
	mark_own(&b->own_sites, t->who.site);
	mark_own(&b->own_devices, t->who.device);
}

void
fw_rulebook_add_override(struct fw_rulebook *b, const struct fw_override *row)
{
	struct fw_override *o;

	b->overrides =
	    fw_grow(b->overrides, &b->override_cap, b->override_count + 1, sizeof(*b->overrides));
	o = &b->overrides[b->override_count++];
	*o = *row;
	o->kind = keep(b, row->kind);
	o->category = keep(b, row->category);
	o->model = keep(b, row->model);
	o->reason = keep(b, row->reason);
}

void
fw_rulebook_set_level(struct fw_rulebook *b, enum fw_level_id id, const struct fw_level *row)
{
	b->levels[id] = (struct fw_level){.name = fw_level_name(id),
	    .timeout_percent = row->timeout_percent,
	    .pre_alarm_is_alarm = row->pre_alarm_is_alarm,
	    .extra_role = keep(b, row->extra_role)};
}

void
fw_rulebook_add_limit(struct fw_rulebook *b, const struct fw_hazard_limit *row)
{
	struct fw_hazard_limit *l;

	b->limits = fw_grow(b->limits, &b->limit_cap, b->limit_count + 1, sizeof(*b->limits));
	l = &b->limits[b->limit_count++];
	*l = *row;
	l->kind = keep(b, row->kind);
	l->category = keep(b, row->category);
	l->role = keep(b, row->role);
}

const struct fw_level *
fw_rulebook_level(const struct fw_rulebook *b, enum fw_level_id id)
{
	return &b->levels[id];
}

/* ---------------------------------------------------------------- resolving */

/* Whose profile is resolved; site and device "" where no row names them. */
struct subject {
	const char *kind, *model, *category, *risk, *site, *device;
};

static bool
fits(const char *wanted, const char *is)
{
	return !*wanted || strcmp(wanted, is) == 0;
}

static unsigned
weight_of(const struct fw_selector *w)
{
	return (unsigned)(*w->device != '\0') << 5 | (unsigned)(*w->site != '\0') << 4 |
	       (unsigned)(*w->kind != '\0') << 3 | (unsigned)(*w->category != '\0') << 2 |
	       (unsigned)(*w->risk != '\0') << 1 | (unsigned)w->town;
}

static bool
is_same_slot(const struct fw_threshold *a, const struct fw_threshold *b)
{
	return a->quantity == b->quantity && a->class == b->class && a->below == b->below &&
	       (a->window_us != 0) == (b->window_us != 0);
}

/* Of each slot the most particular row. */
static size_t
choose(const struct fw_rulebook *b, const struct subject *s, const struct fw_threshold **out)
{
	size_t count = 0;

	for (size_t i = 0; i < b->threshold_count; i++) {
		const struct fw_threshold *t = &b->thresholds[i];
		size_t at = 0;

		if (!fits(t->who.kind, s->kind) || !fits(t->who.category, s->category) ||
		    !fits(t->who.risk, s->risk) || !fits(t->who.site, s->site) ||
		    !fits(t->who.device, s->device))
			continue;
		while (at < count && !is_same_slot(out[at], t))
			at++;
		if (at < count && weight_of(&out[at]->who) > weight_of(&t->who))
			continue;
		out[at] = t;
		count += at == count;
	}
	return count;
}

static int
by_quantity(const void *left, const void *right)
{
	const struct fw_threshold *a = *(const struct fw_threshold *const *)left,
				  *b = *(const struct fw_threshold *const *)right;

	return a->quantity != b->quantity
		   ? (a->quantity > b->quantity) - (a->quantity < b->quantity)
		   : (a > b) - (a < b);
}

static void
resolve_thresholds(struct fw_rulebook *b, struct fw_profile *p, const struct subject *s)
{
	const struct fw_threshold **chosen = fw_calloc(b->threshold_count + 1, sizeof(*chosen));
	size_t count = choose(b, s, chosen), used = 0;

	for (size_t i = 0; i < count; i++)
		if (!chosen[i]->off)
			chosen[used++] = chosen[i];
	if (used)
		qsort(chosen, used, sizeof(*chosen), by_quantity);
	for (size_t i = 0; i < used; i++)
		p->quantities |= UINT32_C(1) << chosen[i]->quantity;
	p->threshold_count = (uint32_t)used;
	p->thresholds = keep_array(b, chosen, used * sizeof(*chosen));
	free(chosen);
}

static unsigned
weight_of_override(const struct fw_override *o)
{
	return (unsigned)(*o->model != '\0') << 4 | (unsigned)(*o->kind != '\0') << 3 |
	       (unsigned)(*o->category != '\0') << 2 |
	       (unsigned)(o->component_type != FW_ANY) << 1 | (unsigned)(o->system_type != FW_ANY);
}

/* The most particular first, of equals the later one: few, and sorted once for a profile. */
static void
resolve_overrides(struct fw_rulebook *b, struct fw_profile *p, const struct subject *s)
{
	const struct fw_override **chosen = fw_calloc(b->override_count + 1, sizeof(*chosen));
	size_t count = 0, at;

	for (size_t i = 0; i < b->override_count; i++) {
		const struct fw_override *o = &b->overrides[i];

		if (!fits(o->kind, s->kind) || !fits(o->category, s->category) ||
		    !fits(o->model, s->model))
			continue;
		for (at = count++;
		     at > 0 && weight_of_override(chosen[at - 1]) <= weight_of_override(o); at--)
			chosen[at] = chosen[at - 1];
		chosen[at] = o;
	}
	p->override_count = (uint32_t)count;
	p->overrides = keep_array(b, chosen, count * sizeof(*chosen));
	free(chosen);
}

static unsigned
weight_of_limit(const struct fw_hazard_limit *l)
{
	return (unsigned)(*l->kind != '\0') << 1 | (unsigned)(*l->category != '\0');
}

static void
resolve_limits(struct fw_rulebook *b, struct fw_profile *p, const struct subject *s)
{
	const struct fw_hazard_limit **chosen = fw_calloc(b->limit_count + 1, sizeof(*chosen));
	size_t count = 0, at;

	for (size_t i = 0; i < b->limit_count; i++) {
		const struct fw_hazard_limit *l = &b->limits[i];

		if (!fits(l->kind, s->kind) || !fits(l->category, s->category))
			continue;
		for (at = count++; at > 0 && weight_of_limit(chosen[at - 1]) <= weight_of_limit(l);
		     at--)
			chosen[at] = chosen[at - 1];
		chosen[at] = l;
	}
	p->limit_count = (uint32_t)count;
	p->limits = keep_array(b, chosen, count * sizeof(*chosen));
	free(chosen);
}

static const struct fw_kind *
find_kind(struct fw_rulebook *b, const char *name)
{
	const struct fw_kind *kind = fw_strmap_get(&b->kinds, name, strlen(name));

	if (!kind) {
		fw_rulebook_add_kind(b, &(struct fw_kind){.name = name, .missed = FW_MISSED});
		kind = fw_strmap_get(&b->kinds, name, strlen(name));
	}
	return kind;
}

static const struct fw_profile *
make(struct fw_rulebook *b, const struct subject *s)
{
	struct fw_profile *p = fw_arena_alloc(&b->arena, sizeof(*p));

	*p = (struct fw_profile){
	    .model = keep(b, s->model), .category = keep(b, s->category), .risk = keep(b, s->risk)};
	p->kind = find_kind(b, s->kind);
	resolve_thresholds(b, p, s);
	resolve_overrides(b, p, s);
	resolve_limits(b, p, s);
	return p;
}

static const char *
only_own(const struct fw_strmap *own, const char *name)
{
	return fw_strmap_get(own, name, strlen(name)) ? name : "";
}

const struct fw_profile *
fw_rulebook_profile(struct fw_rulebook *b, const char *kind, const char *model,
    const char *category, const char *risk, const char *site, const char *device)
{
	const struct subject s = {kind, model, category, risk, only_own(&b->own_sites, site),
	    only_own(&b->own_devices, device)};
	const char *const parts[] = {s.kind, s.model, s.category, s.risk, s.site, s.device};
	const struct fw_profile *found;
	char key[1024];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int wrote = snprintf(key + n, sizeof(key) - n, "%s\n", parts[i]);

		if (wrote < 0 || n + (size_t)wrote >= sizeof(key))
			return make(b, &s); /* a key that is cut could be another's */
		n += (size_t)wrote;
	}
	found = fw_strmap_get(&b->profiles, key, n);
	if (!found) {
		found = make(b, &s);
		fw_strmap_put(
		    &b->profiles, fw_arena_text(&b->arena, key, n), n, (void *)(uintptr_t)found);
	}
	return found;
}
