/* SPDX-License-Identifier: Apache-2.0 */
/* The map against a model: an array by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/strmap.h"
#include "tests/unit/random.h"

#define KEYS 2000
#define STEPS 100000

struct item {
	char key[24];
	bool held;
};

static struct item items[2][KEYS]; /* two values for each key */

static void
empty_map(void **context)
{
	struct fw_strmap m;
	size_t cursor = 0;
	void *value;

	(void)context;
	fw_strmap_init(&m, 1);
	assert_null(fw_strmap_get(&m, "a", 1));
	assert_null(fw_strmap_remove(&m, "a", 1));
	assert_false(fw_strmap_next(&m, &cursor, &value));
	assert_int_equal(fw_strmap_count(&m), 0);
	fw_strmap_put(&m, "", 0, &m);
	assert_ptr_equal(fw_strmap_get(&m, "x", 0), &m);
	assert_null(fw_strmap_get(&m, "\0", 1));
	fw_strmap_put(&m, "\0", 1, items);
	assert_ptr_equal(fw_strmap_get(&m, "\0", 1), items);
	assert_ptr_equal(fw_strmap_get(&m, "", 0), &m);
	fw_strmap_fini(&m);
	assert_null(fw_strmap_get(&m, "", 0));
	fw_strmap_fini(&m);
}

static size_t
walk(const struct fw_strmap *m)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (fw_strmap_next(m, &cursor, &value)) {
		const struct item *item = value;

		assert_true(item->held);
		count++;
	}
	return count;
}

static void
step(struct fw_strmap *m, size_t *count)
{
	size_t i = random_below(KEYS), which = random_below(2);
	struct item *item = &items[which][i], *other = &items[!which][i];
	struct item *held = item->held ? item : other->held ? other : NULL;
	size_t n = strlen(item->key);

	assert_ptr_equal(fw_strmap_get(m, item->key, n), held);
	if (random_below(2)) {
		fw_strmap_put(m, item->key, n, item);
		*count += held == NULL;
		other->held = false;
		item->held = true;
		memset(other->key, '?', n); /* the key of the newer value is kept */
		memcpy(other->key, item->key, n);
	} else {
		assert_ptr_equal(fw_strmap_remove(m, item->key, n), held);
		*count -= held != NULL;
		item->held = other->held = false;
	}
	assert_int_equal(fw_strmap_count(m), *count);
}

static void
agrees_with_an_array(void **context)
{
	struct fw_strmap m;
	size_t count = 0, cap, cursor = 0;
	void *value;

	(void)context;
	random_begin("strmap");
	fw_strmap_init(&m, random_next());
	for (size_t i = 0; i < KEYS; i++) {
		snprintf(items[0][i].key, sizeof(items[0][i].key), "烟感-%zu", i);
		items[1][i] = items[0][i];
	}
	for (int i = 0; i < STEPS; i++)
		step(&m, &count);
	assert_int_equal(walk(&m), count);
	cap = m.cap;
	for (int i = 0; i < STEPS; i++)
		step(&m, &count);
	assert_true(m.cap <= cap * 2); /* removed entries are swept out */
	while (fw_strmap_next(&m, &cursor, &value)) {
		struct item *item = value;

		assert_ptr_equal(fw_strmap_remove(&m, item->key, strlen(item->key)), item);
		memset(item, 0, sizeof(*item)); /* as if it had been freed */
	}
	assert_int_equal(fw_strmap_count(&m), 0);
	assert_int_equal(walk(&m), 0);
	fw_strmap_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_map),
	    cmocka_unit_test(agrees_with_an_array),
	};

	return cmocka_run_group_tests_name("strmap", tests, NULL, NULL);
}
