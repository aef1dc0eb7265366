/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test and maintenance windows, as they were at one reading: a site, a zone of it or one device,
 * from a time until a time.  Built row by row, then handed to the core, which replaces the list
 * whole.
 */
#ifndef FW_MODEL_WINDOW_H
#define FW_MODEL_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"

struct fw_window {
	struct fw_deadline deadline; /* first; its end, until the core has said that it is over */
	const char *id, *division, *site;
	const char *zone, *device;        /* "" any */
	int64_t starts_at_us, ends_at_us; /* from, until but not at; ended early: until then */
	bool maintenance;                 /* else a test */
	bool over;                        /* the core, or its row, has said so */
	struct fw_window *next;           /* of the same site */
};

struct fw_windows;

struct fw_windows *fw_windows_new(void);
void fw_windows_free(struct fw_windows *all); /* NULL is allowed */

/* All text is copied. */
void fw_windows_add(struct fw_windows *all, const struct fw_window *row);

/* The next one, in no order; *cursor is 0 before the first.  NULL: there is no more. */
struct fw_window *fw_windows_next(const struct fw_windows *all, size_t *cursor);

/* NULL: there is none; `all` may be NULL. */
struct fw_window *fw_windows_by_id(const struct fw_windows *all, const char *id);

/* One that is not over and has the place in it at that time; likewise. */
const struct fw_window *fw_windows_find(const struct fw_windows *all, const char *site,
    const char *zone, const char *device, int64_t at_us);

/* They had the place in them from then on, one or another, until one that is not over, or until
 * until_us. */
bool fw_windows_kept(const struct fw_windows *all, const char *site, const char *zone,
    const char *device, int64_t from_us, int64_t until_us);

/* There is one of the site that ends later than that, whether it is over or not. */
bool fw_windows_since(const struct fw_windows *all, const char *site, int64_t from_us);

#endif
