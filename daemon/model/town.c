/* SPDX-License-Identifier: Apache-2.0 */
/* The town, built row by row; see town.h.  Nothing here knows where the rows come from. */
#include "model/town.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"

struct fw_town {
	struct fw_arena arena;
	struct fw_strmap divisions, sites, people;
	struct fw_idset devices; /* of struct fw_registration */
	struct fw_strmap texts;  /* while it is built: those that many rows have in common */
	struct fw_policy *policies;
	size_t policy_count, policy_cap;
	struct fw_protection *protections;
	size_t protection_count, protection_cap;
	struct fw_rulebook *rulebook;
	const struct fw_profile *stranger;
};

static const char *
keep(struct fw_town *t, const char *text)
{
	return *text ? fw_arena_text(&t->arena, text, strlen(text)) : "";
}

/* The same text once. */
static const char *
keep_shared(struct fw_town *t, const char *text)
{
	size_t n = strlen(text);
	char *kept = n ? fw_strmap_get(&t->texts, text, n) : NULL;

	if (n && !kept) {
		kept = fw_arena_text(&t->arena, text, n);
		fw_strmap_put(&t->texts, kept, n, kept);
	}
	return kept ? kept : "";
}

static void *
keep_zeroed(struct fw_town *t, size_t n)
{
	return memset(fw_arena_alloc(&t->arena, n), 0, n);
}

struct fw_town *
fw_town_new(uint64_t hash_seed)
{
	struct fw_town *t = fw_calloc(1, sizeof(*t));

	fw_arena_init(&t->arena, 64 * 1024);
	fw_strmap_init(&t->divisions, hash_seed);
	fw_strmap_init(&t->sites, hash_seed);
	fw_idset_init(&t->devices, hash_seed, offsetof(struct fw_registration, device));
	fw_strmap_init(&t->people, hash_seed);
	fw_strmap_init(&t->texts, hash_seed);
	t->rulebook = fw_rulebook_new(hash_seed);
	return t;
}

void
fw_town_free(struct fw_town *t)
{
	if (!t)
		return;
	fw_strmap_fini(&t->divisions);
	fw_strmap_fini(&t->sites);
	fw_idset_fini(&t->devices);
	fw_strmap_fini(&t->people);
	fw_strmap_fini(&t->texts);
	fw_arena_fini(&t->arena);
	free(t->policies);
	free(t->protections);
	fw_rulebook_free(t->rulebook);
	free(t);
}

void
fw_town_add_division(
    struct fw_town *t, const char *code, const char *parent, const char *name, const char *level)
{
	struct fw_division *d = keep_zeroed(t, sizeof(*d));

	d->code = keep(t, code);
	d->parent_code = keep(t, parent);
	d->name = keep(t, name);
	d->level = keep(t, level);
	fw_strmap_put(&t->divisions, d->code, strlen(d->code), d);
}

int
fw_town_add_site(struct fw_town *t, const char *id, const char *name, const char *division,
    const char *category, const char *risk, const char *address, const char *contact)
{
	const struct fw_division *d = fw_town_division(t, division);
	struct fw_site *s;

	if (!d)
		return FW_ENOTFOUND;
	s = keep_zeroed(t, sizeof(*s));
	s->id = keep(t, id);
	s->name = keep(t, name);
	s->division = d;
	s->category = keep_shared(t, category);
	s->risk = keep_shared(t, risk);
	s->address = keep(t, address);
	s->contact = keep(t, contact);
	fw_strmap_put(&t->sites, s->id, strlen(s->id), s);
	return FW_OK;
}

struct fw_rulebook *
fw_town_rulebook(struct fw_town *t)
{
	return t->rulebook;
}

int
fw_town_add_protection(struct fw_town *t, const char *division, enum fw_level_id level,
    int64_t starts_at_us, int64_t ends_at_us)
{
	const struct fw_division *d = fw_town_division(t, division);

	if (!d)
		return FW_ENOTFOUND;
	t->protections = fw_grow(
	    t->protections, &t->protection_cap, t->protection_count + 1, sizeof(*t->protections));
	t->protections[t->protection_count++] = (struct fw_protection){
	    .division = d, .level = level, .starts_at_us = starts_at_us, .ends_at_us = ends_at_us};
	return FW_OK;
}

static const struct fw_profile *
profile_of(struct fw_town *t, const struct fw_registration *r, const char *kind, const char *model)
{
	return fw_rulebook_profile(t->rulebook, kind, model, r->site ? r->site->category : "",
	    r->site ? r->site->risk : "", r->site ? r->site->id : "", r->device);
}

void
fw_town_add_device(struct fw_town *t, const char *device, const char *parent, const char *site,
    const char *zone, const char *kind, const char *model, int32_t heartbeat_s)
{
	size_t n = strlen(device) + 1;
	struct fw_registration *r =
	    fw_arena_alloc(&t->arena, offsetof(struct fw_registration, device) + n);

	memcpy(r->device, device, n);
	r->parent = keep_shared(t, parent);
	r->site = fw_town_site(t, site);
	r->zone = keep_shared(t, zone);
	r->profile = profile_of(t, r, kind, model);
	r->heartbeat_s = heartbeat_s;
	r->children = 0;
	fw_idset_add(&t->devices, r);
}

void
fw_town_add_person(struct fw_town *t, const char *id, const char *name, const char *phone,
    const char *email, const char *webhook)
{
	struct fw_person *p = keep_zeroed(t, sizeof(*p));

	p->id = keep(t, id);
	p->name = keep(t, name);
	p->phone = keep(t, phone);
	p->email = keep(t, email);
	p->webhook = keep(t, webhook);
	fw_strmap_put(&t->people, p->id, strlen(p->id), p);
}

int
fw_town_add_duty(struct fw_town *t, const char *division, const char *site, const char *role,
    const char *person, int64_t starts_at_us, int64_t ends_at_us)
{
	struct fw_division *d = fw_strmap_get(&t->divisions, division, strlen(division));
	const struct fw_person *p = fw_strmap_get(&t->people, person, strlen(person));
	struct fw_site *s = fw_strmap_get(&t->sites, site, strlen(site));
	struct fw_duty *duty, **last;

	if (!d || !p || (*site && !s))
		return FW_ENOTFOUND;
	duty = keep_zeroed(t, sizeof(*duty));
	duty->division = d;
	duty->role = keep(t, role);
	duty->person = p;
	duty->starts_at_us = starts_at_us;
	duty->ends_at_us = ends_at_us;
	for (last = s ? &s->duties : &d->duties; *last; last = &(*last)->next)
		;
	*last = duty;
	return FW_OK;
}

void
fw_town_add_policy(struct fw_town *t, enum fw_class class, const char *category, const char *level,
    int step, int64_t after_us, const char *role, const char *channel)
{
	struct fw_policy *p;

	t->policies = fw_grow(t->policies, &t->policy_cap, t->policy_count + 1, sizeof(*p));
	p = &t->policies[t->policy_count++];
	*p = (struct fw_policy){
	    .class = class,
	    .category = keep(t, category),
	    .level = keep(t, level),
	    .step = step,
	    .after_us = after_us,
	    .role = keep(t, role),
	    .channel = keep(t, channel),
	};
}

static void
link_parents(struct fw_town *t)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&t->divisions, &cursor, &value)) {
		struct fw_division *d = value, *parent = NULL;
		const struct fw_division *up;
		int levels = 0;

		if (*d->parent_code)
			parent =
			    fw_strmap_get(&t->divisions, d->parent_code, strlen(d->parent_code));
		for (up = parent; up && up != d && levels < FW_UPWARD_MOST; up = up->parent)
			levels++;
		d->parent = up ? NULL : parent;
	}
}

static void
join_gateways(struct fw_town *t)
{
	size_t cursor = 0;
	void *value;

	while (fw_idset_next(&t->devices, &cursor, &value)) {
		struct fw_registration *r = value;
		struct fw_registration *gateway =
		    *r->parent ? fw_idset_get(&t->devices, r->parent, strlen(r->parent)) : NULL;

		if (!gateway)
			continue;
		gateway->children++;
		if (r->site || !gateway->site)
			continue;
		r->site = gateway->site;
		r->profile = profile_of(t, r, r->profile->kind->name, r->profile->model);
	}
}

int32_t
fw_heartbeat_of(const struct fw_registration *r)
{
	int32_t of_kind = r->profile->kind->heartbeat_s;

	return r->heartbeat_s > 0 ? r->heartbeat_s : of_kind > 0 ? of_kind : 0;
}

static void
count_devices(struct fw_town *t)
{
	size_t cursor = 0;
	void *value;

	while (fw_idset_next(&t->devices, &cursor, &value)) {
		const struct fw_registration *r = value;
		const char *code = r->site ? r->site->division->code : "";
		struct fw_division *d = fw_strmap_get(&t->divisions, code, strlen(code));

		if (!d)
			continue;
		d->mains_devices += r->profile->kind->mains;
		d->supervised_devices += fw_heartbeat_of(r) > 0;
	}
}

void
fw_town_finish(struct fw_town *t)
{
	link_parents(t);
	join_gateways(t);
	t->stranger = fw_rulebook_profile(t->rulebook, "", "", "", "", "", "");
	count_devices(t);
	fw_strmap_fini(&t->texts);
}

const struct fw_profile *
fw_town_stranger(const struct fw_town *t)
{
	return t->stranger;
}

/* ---------------------------------------------------------------- protection levels */

static bool
is_in(const struct fw_division *d, const struct fw_division *of)
{
	for (int levels = 0; d && levels < FW_UPWARD_MOST; d = d->parent, levels++)
		if (d == of)
			return true;
	return false;
}

enum fw_level_id
fw_town_level(const struct fw_town *t, const struct fw_division *division, int64_t now_us)
{
	enum fw_level_id highest = FW_LEVEL_NORMAL;

	for (size_t i = 0; i < t->protection_count; i++) {
		const struct fw_protection *p = &t->protections[i];

		if (p->level > highest && now_us >= p->starts_at_us && now_us < p->ends_at_us &&
		    is_in(division, p->division))
			highest = p->level;
	}
	return highest;
}

const struct fw_level *
fw_town_level_rules(const struct fw_town *t, enum fw_level_id level)
{
	return fw_rulebook_level(t->rulebook, level);
}

int64_t
fw_town_next_level_us(const struct fw_town *t, int64_t now_us)
{
	int64_t next = FW_NEVER;

	for (size_t i = 0; i < t->protection_count; i++) {
		const struct fw_protection *p = &t->protections[i];

		if (p->starts_at_us > now_us && p->starts_at_us < next)
			next = p->starts_at_us;
		if (p->ends_at_us > now_us && p->ends_at_us < next)
			next = p->ends_at_us;
	}
	return next;
}

/* ---------------------------------------------------------------- finding */

const struct fw_division *
fw_town_division(const struct fw_town *t, const char *code)
{
	return fw_strmap_get(&t->divisions, code, strlen(code));
}

const struct fw_site *
fw_town_site(const struct fw_town *t, const char *id)
{
	return fw_strmap_get(&t->sites, id, strlen(id));
}

const struct fw_registration *
fw_town_device(const struct fw_town *t, const char *device, size_t n)
{
	return fw_idset_get(&t->devices, device, n);
}

const struct fw_division *
fw_town_division_near(const struct fw_town *t, const char *code)
{
	for (size_t n = strlen(code); n > 0; n--) {
		const struct fw_division *d = fw_strmap_get(&t->divisions, code, n);

		if (d)
			return d;
	}
	return NULL;
}

struct found {
	const struct fw_person **out;
	size_t count, most;
};

static void
add_person(struct found *f, const struct fw_person *person)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->out[i] == person)
			return;
	if (f->count < f->most)
		f->out[f->count++] = person;
}

static void
find_in(const struct fw_duty *duties, const char *role, int64_t now_us, struct found *f,
    const struct fw_division **where)
{
	for (const struct fw_duty *duty = duties; duty; duty = duty->next) {
		if ((role && strcmp(duty->role, role) != 0) || now_us < duty->starts_at_us ||
		    now_us >= duty->ends_at_us)
			continue;
		add_person(f, duty->person);
		if (!*where)
			*where = duty->division;
	}
}

static void
find_for_site(const struct fw_town *t, const char *site, const char *role, int64_t now_us,
    struct found *f, const struct fw_division **where)
{
	const struct fw_site *s = fw_town_site(t, site);

	if (s)
		find_in(s->duties, role, now_us, f, where);
}

static void
find_at_top(const struct fw_town *t, const char *role, int64_t now_us, struct found *f,
    const struct fw_division **where)
{
	size_t cursor = 0;
	void *value;

	while (fw_strmap_next(&t->divisions, &cursor, &value)) {
		const struct fw_division *d = value;

		if (!d->parent)
			find_in(d->duties, role, now_us, f, where);
	}
}

size_t
fw_town_on_duty(const struct fw_town *t, const char *site, const struct fw_division *division,
    const char *role, int64_t now_us, const struct fw_person **out, size_t most,
    const struct fw_division **where)
{
	struct found f = {.out = out, .most = most};
	int levels = 0;

	*where = NULL;
	find_for_site(t, site, role, now_us, &f, where);
	if (!f.count && !division)
		find_at_top(t, role, now_us, &f, where);
	for (const struct fw_division *d = division; d && !f.count && levels++ < FW_UPWARD_MOST;
	     d = d->parent)
		find_in(d->duties, role, now_us, &f, where);
	return f.count;
}

size_t
fw_town_on_duty_at_site(const struct fw_town *t, const char *site, const char *role, int64_t now_us,
    const struct fw_person **out, size_t most)
{
	struct found f = {.out = out, .most = most};
	const struct fw_division *where = NULL;

	find_for_site(t, site, role, now_us, &f, &where);
	return f.count;
}

size_t
fw_town_anyone(const struct fw_town *t, const char *site, const struct fw_division *division,
    int64_t now_us, uint32_t *rung, const struct fw_person **out, size_t most,
    const struct fw_division **where)
{
	struct found f = {.out = out, .most = most};
	uint32_t at = 1;

	*where = NULL;
	if (*rung == 0) {
		find_for_site(t, site, NULL, now_us, &f, where);
		*rung = 1;
	}
	if (!f.count && !division && *rung == 1) {
		find_at_top(t, NULL, now_us, &f, where);
		*rung = 2;
	}
	for (const struct fw_division *d = division; d && !f.count && at < FW_UPWARD_MOST;
	     d = d->parent, at++) {
		if (at < *rung)
			continue;
		find_in(d->duties, NULL, now_us, &f, where);
		*rung = at + 1;
	}
	return f.count;
}

static size_t
policy_set(const struct fw_town *t, enum fw_class class, const char *category, const char *level,
    const struct fw_policy **out, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < t->policy_count; i++) {
		const struct fw_policy *p = &t->policies[i];
		size_t at;

		if (p->class != class || strcmp(p->category, category) != 0 ||
		    strcmp(p->level, level) != 0 || n == most)
			continue;
		for (at = n; at > 0 && out[at - 1]->step > p->step; at--)
			out[at] = out[at - 1];
		out[at] = p;
		n++;
	}
	return n;
}

size_t
fw_town_policy(const struct fw_town *t, enum fw_class class, const char *category,
    const char *level, const struct fw_policy **out, size_t most)
{
	const char *const sets[][2] = {{category, level}, {category, ""}, {"", level}, {"", ""}};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]) && n == 0; i++)
		n = policy_set(t, class, sets[i][0], sets[i][1], out, most);
	return n;
}

const struct fw_registration *
fw_town_next_device(const struct fw_town *t, size_t *cursor)
{
	void *value;

	return fw_idset_next(&t->devices, cursor, &value) ? value : NULL;
}

size_t
fw_town_site_count(const struct fw_town *t)
{
	return fw_strmap_count(&t->sites);
}

size_t
fw_town_device_count(const struct fw_town *t)
{
	return fw_idset_count(&t->devices);
}
