/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines against a model: an array that is searched for its least. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/deadline.h"
#include "base/time.h"
#include "tests/unit/random.h"

#define ITEMS 300
#define STEPS 30000

static void
nothing_is_due_at_first(void **context)
{
	struct fw_deadlines all;
	struct fw_deadline d = {0};

	(void)context;
	fw_deadlines_init(&all);
	assert_null(fw_deadlines_pop(&all, INT64_MAX));
	assert_int_equal(fw_deadlines_next_us(&all), FW_NEVER);
	fw_deadline_cancel(&all, &d);
	fw_deadline_set(&all, &d, 10);
	assert_true(fw_deadline_is_set(&d));
	assert_null(fw_deadlines_pop(&all, 9));
	assert_ptr_equal(fw_deadlines_pop(&all, 10), &d);
	assert_false(fw_deadline_is_set(&d));
	fw_deadline_set(&all, &d, INT64_MIN);
	fw_deadlines_fini(&all);
	assert_false(fw_deadline_is_set(&d));
}

static int64_t
least_of(const struct fw_deadline *items)
{
	int64_t least = FW_NEVER;

	for (size_t i = 0; i < ITEMS; i++)
		if (fw_deadline_is_set(&items[i]) && items[i].at_us < least)
			least = items[i].at_us;
	return least;
}

static void
agrees_with_a_search(void **context)
{
	static struct fw_deadline items[ITEMS];
	static int64_t model[ITEMS]; /* FW_NEVER: not set */
	struct fw_deadlines all;

	(void)context;
	random_begin("deadline");
	fw_deadlines_init(&all);
	for (size_t i = 0; i < ITEMS; i++)
		model[i] = FW_NEVER;
	for (int step = 0; step < STEPS; step++) {
		size_t i = random_below(ITEMS);
		int64_t now_us = (int64_t)random_below(1000);
		struct fw_deadline *due;

		switch (random_below(4)) {
		case 0:
		case 1:
			model[i] = (int64_t)random_below(1000);
			fw_deadline_set(&all, &items[i], model[i]);
			break;
		case 2:
			model[i] = FW_NEVER;
			fw_deadline_cancel(&all, &items[i]);
			break;
		default:
			assert_int_equal(least_of(items), fw_deadlines_next_us(&all));
			due = fw_deadlines_pop(&all, now_us / 4);
			if (due) {
				assert_true(
				    due->at_us <= now_us / 4 && due->at_us <= least_of(items));
				assert_int_equal(model[due - items], due->at_us);
				model[due - items] = FW_NEVER;
			} else
				assert_true(least_of(items) > now_us / 4);
		}
		assert_int_equal(fw_deadline_is_set(&items[i]), model[i] != FW_NEVER);
	}
	for (int64_t last = -1; all.count;) {
		struct fw_deadline *d = fw_deadlines_pop(&all, INT64_MAX);

		assert_true(d->at_us >= last);
		last = d->at_us;
	}
	fw_deadlines_fini(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_due_at_first),
	    cmocka_unit_test(agrees_with_a_search),
	};

	return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
