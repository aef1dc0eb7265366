/* SPDX-License-Identifier: Apache-2.0 */
/* The set against a model: an array by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/idset.h"
#include "tests/unit/random.h"

#define THINGS 5000

struct thing {
	uint32_t visited;
	bool held;
	char name[24];
};

static struct thing things[2][THINGS]; /* two of each name */

static void
empty_set(void **context)
{
	struct fw_idset s;
	size_t cursor = 0;
	void *thing;

	(void)context;
	fw_idset_init(&s, 1, offsetof(struct thing, name));
	assert_null(fw_idset_get(&s, "a", 1));
	assert_false(fw_idset_next(&s, &cursor, &thing));
	fw_idset_fetch(&s, fw_idset_expect(&s, "a", 1));
	fw_idset_reserve(&s, 10);
	assert_null(fw_idset_get(&s, "a", 1));
	assert_int_equal(fw_idset_count(&s), 0);
	fw_idset_fini(&s);
	fw_idset_fini(&s);
}

static void
name_that_begins_alike(void **context)
{
	struct thing a = {.name = "gate"}, b = {.name = "gateway"};
	struct fw_idset s;

	(void)context;
	fw_idset_init(&s, 1, offsetof(struct thing, name));
	fw_idset_add(&s, &a);
	assert_null(fw_idset_get(&s, "gateway", 7));
	fw_idset_add(&s, &b);
	assert_ptr_equal(fw_idset_get(&s, "gateway", 4), &a);
	assert_ptr_equal(fw_idset_get(&s, "gateway", 7), &b);
	assert_null(fw_idset_get(&s, "gateway", 5));
	assert_null(fw_idset_get(&s, "gate\0way", 8));
	fw_idset_fini(&s);
}

static void
add(struct fw_idset *s, size_t which, size_t i, size_t *count)
{
	struct thing *thing = &things[which][i], *other = &things[!which][i];

	*count += !thing->held && !other->held;
	thing->held = true;
	other->held = false;
	fw_idset_add(s, thing);
	assert_int_equal(fw_idset_count(s), *count);
}

static void
agrees_with_an_array(void **context)
{
	struct fw_idset s;
	size_t count = 0, visited = 0, cursor = 0;
	void *value;

	(void)context;
	random_begin("idset");
	fw_idset_init(&s, random_next(), offsetof(struct thing, name));
	for (size_t i = 0; i < THINGS; i++) {
		snprintf(things[0][i].name, sizeof(things[0][i].name), "烟感-%zu", i);
		things[1][i] = things[0][i];
	}
	for (int i = 0; i < THINGS * 4; i++) {
		size_t at = random_below(THINGS);
		const struct thing *held = things[0][at].held   ? &things[0][at]
					   : things[1][at].held ? &things[1][at]
								: NULL;
		const char *name = things[0][at].name;

		fw_idset_fetch(&s, fw_idset_expect(&s, name, strlen(name)));
		assert_ptr_equal(fw_idset_get(&s, name, strlen(name)), held);
		add(&s, random_below(2), at, &count);
	}
	while (fw_idset_next(&s, &cursor, &value)) {
		struct thing *thing = value;

		assert_true(thing->held);
		assert_int_equal(thing->visited++, 0);
		visited++;
	}
	assert_int_equal(visited, count);
	fw_idset_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_set),
	    cmocka_unit_test(name_that_begins_alike),
	    cmocka_unit_test(agrees_with_an_array),
	};

	return cmocka_run_group_tests_name("idset", tests, NULL, NULL);
}
