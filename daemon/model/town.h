/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The town: divisions, sites, devices, people, duty and policies as they were at one load.  It is
 * built row by row, then finished, then never changed; a newer load replaces it whole.  All strings
 * live in the town.
 */
#ifndef FW_MODEL_TOWN_H
#define FW_MODEL_TOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/idset.h"
#include "base/strmap.h"
#include "model/names.h"
#include "model/rulebook.h"

#define FW_UPWARD_MOST 16 /* levels of divisions, and of gateways; more is a ring */

struct fw_duty;

struct fw_division {
	const char *code, *parent_code, *name, *level;
	const struct fw_division *parent; /* NULL at the top, and where parents would form a ring */
	struct fw_duty *duties;           /* for all its sites */
	/* of its own sites: fed by the mains, and with a heartbeat */
	uint32_t mains_devices, supervised_devices;
};

struct fw_site {
	const char *id, *name, *category, *risk, *address, *contact;
	const struct fw_division *division;
	struct fw_duty *duties; /* for it alone, in whatever division they are listed */
};

struct fw_registration {
	const struct fw_site *site; /* NULL: unclaimed */
	const char *parent, *zone;  /* "" none; one text for all that have the same */
	const struct fw_profile *profile;
	int32_t heartbeat_s; /* 0: its kind's */
	uint32_t children;   /* devices whose gateway it is */
	char device[];
};

struct fw_person {
	const char *id, *name, *phone, *email, *webhook;
};

struct fw_duty {
	struct fw_duty *next;
	const struct fw_division *division; /* in which it is listed */
	const char *role;
	const struct fw_person *person;
	int64_t starts_at_us, ends_at_us; /* from, until but not at; FW_NEVER: open */
};

struct fw_policy {
	enum fw_class class;
	const char *category, *level; /* "" any */
	int step;
	int64_t after_us;
	const char *role, *channel;
};

/* A protection level is in force in a division and all below it. */
struct fw_protection {
	const struct fw_division *division;
	enum fw_level_id level;
	int64_t starts_at_us, ends_at_us; /* from, until but not at */
};

struct fw_town;

struct fw_town *fw_town_new(uint64_t hash_seed);
void fw_town_free(struct fw_town *town);

/* Rows in this order: divisions, sites, the rulebook's, protections, devices, people, duty,
   policies.  All text is copied; a
   dangling reference is FW_ENOTFOUND and the row is left out (the database's foreign keys make that
   a bug, not a case). */
void fw_town_add_division(
    struct fw_town *t, const char *code, const char *parent, const char *name, const char *level);
FW_MUST_CHECK int fw_town_add_site(struct fw_town *t, const char *id, const char *name,
    const char *division, const char *category, const char *risk, const char *address,
    const char *contact);
struct fw_rulebook *fw_town_rulebook(struct fw_town *t);
FW_MUST_CHECK int fw_town_add_protection(struct fw_town *t, const char *division,
    enum fw_level_id level, int64_t starts_at_us, int64_t ends_at_us);
void fw_town_add_device(struct fw_town *t, const char *device, const char *parent, const char *site,
    const char *zone, const char *kind, const char *model, int32_t heartbeat_s);
void fw_town_add_person(struct fw_town *t, const char *id, const char *name, const char *phone,
    const char *email, const char *webhook);
FW_MUST_CHECK int fw_town_add_duty(struct fw_town *t, const char *division, const char *site,
    const char *role, const char *person, int64_t starts_at_us, int64_t ends_at_us);
void fw_town_add_policy(struct fw_town *t, enum fw_class class, const char *category,
    const char *level, int step, int64_t after_us, const char *role, const char *channel);

/* Links parents, counts children; a device without a site takes its gateway's. */
void fw_town_finish(struct fw_town *t);

/* In seconds, its own or its kind's; 0: it is not supervised. */
int32_t fw_heartbeat_of(const struct fw_registration *r);

/* NULL when there is none. */
const struct fw_division *fw_town_division(const struct fw_town *t, const char *code);
const struct fw_site *fw_town_site(const struct fw_town *t, const char *id);
const struct fw_registration *fw_town_device(const struct fw_town *t, const char *device, size_t n);

/* The division itself, or the nearest known one above it: codes of GB/T 2260 and its extensions
 * nest by prefix. */
const struct fw_division *fw_town_division_near(const struct fw_town *t, const char *code);

/* The profile of a device that is not in the town. */
const struct fw_profile *fw_town_stranger(const struct fw_town *t);

/* The highest protection level in force in the division (NULL: in none), and what it changes. */
enum fw_level_id fw_town_level(
    const struct fw_town *t, const struct fw_division *division, int64_t now_us);
const struct fw_level *fw_town_level_rules(const struct fw_town *t, enum fw_level_id level);

/* When the next level begins or ends, behind now_us; FW_NEVER: none does. */
int64_t fw_town_next_level_us(const struct fw_town *t, int64_t now_us);

/*
 * Who is on duty as `role` (NULL: as anything) at `now_us`: for the site itself first, then for its
 * division, then upward until someone is found; where the division is not known, at the top.  Fills
 * at most `most`, each person once, in the order of the list; returns how many.  `*where` is the
 * division in which they were found, or NULL.
 */
size_t fw_town_on_duty(const struct fw_town *t, const char *site,
    const struct fw_division *division, const char *role, int64_t now_us,
    const struct fw_person **out, size_t most, const struct fw_division **where);

/* Likewise for the site itself, and nobody beyond it. */
size_t fw_town_on_duty_at_site(const struct fw_town *t, const char *site, const char *role,
    int64_t now_us, const struct fw_person **out, size_t most);

/*
 * Whoever is on duty, rung by rung: 0 the site's own people, then those of its division, of the
 * division above, and so on; where the division is not known, those at the top.  Begins at *rung
 * and leaves in it the one after the rung on which people were found.
 */
size_t fw_town_anyone(const struct fw_town *t, const char *site, const struct fw_division *division,
    int64_t now_us, uint32_t *rung, const struct fw_person **out, size_t most,
    const struct fw_division **where);

/*
 * The policy lines of a class at the site category and protection level, ordered by step: the most
 * particular set that has lines, of (category, level), (category, any), (any, level), (any, any).
 * Returns how many; at most `most` are filled.
 */
size_t fw_town_policy(const struct fw_town *t, enum fw_class class, const char *category,
    const char *level, const struct fw_policy **out, size_t most);

/* Walks the devices in no order: *cursor starts at 0; NULL at the end. */
const struct fw_registration *fw_town_next_device(const struct fw_town *t, size_t *cursor);

size_t fw_town_site_count(const struct fw_town *t);
size_t fw_town_device_count(const struct fw_town *t);

#endif
