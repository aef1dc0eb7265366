/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences against a model: one byte per sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/seqset.h"
#include "tests/unit/random.h"

#define MOST 3000

static void
assert_sound(const struct fw_seqset *s)
{
	uint64_t through = 0;

	assert_true(fw_seqset_gap_count(s) <= FW_GAPS_MAX);
	for (uint32_t i = 0; i < fw_seqset_gap_count(s); i++) {
		assert_true(s->gaps->items[i].first > through &&
			    s->gaps->items[i].first <= s->gaps->items[i].last);
		through = s->gaps->items[i].last;
	}
	assert_true(fw_seqset_gap_count(s) == 0 || through < s->highest);
}

static void
ends_of_the_range(void **context)
{
	struct fw_seqset s = {0};

	(void)context;
	assert_int_equal(fw_seqset_through(&s), 0);
	assert_false(fw_seqset_add(&s, 0, 1));
	assert_false(fw_seqset_has(&s, 1));
	assert_true(fw_seqset_add(&s, UINT64_MAX, 7));
	assert_false(fw_seqset_add(&s, UINT64_MAX, 8));
	assert_int_equal(fw_seqset_missing(&s), UINT64_MAX - 1);
	assert_int_equal(s.gaps->items[0].opened_at_us, 7);
	assert_true(fw_seqset_add(&s, UINT64_MAX - 1, 9));
	assert_true(fw_seqset_add(&s, 1, 9));
	assert_int_equal(fw_seqset_through(&s), 1);
	assert_true(fw_seqset_add(&s, UINT64_C(1) << 63, 9));
	assert_int_equal(fw_seqset_gap_count(&s), 2);
	assert_int_equal(s.gaps->items[1].opened_at_us, 7);
	assert_sound(&s);
	fw_seqset_fini(&s);
	assert_false(fw_seqset_has(&s, 1));
}

static void
compare(const struct fw_seqset *s, const uint8_t *came)
{
	uint64_t through = 0, missing = 0;

	assert_sound(s);
	while (through < MOST && came[through + 1])
		through++;
	for (uint64_t n = 1; n < s->highest; n++)
		missing += !came[n];
	assert_int_equal(fw_seqset_through(s), through);
	assert_int_equal(fw_seqset_missing(s), missing);
	for (uint64_t n = 1; n <= MOST; n++)
		assert_int_equal(fw_seqset_has(s, n), came[n] != 0);
}

/* Fewer than FW_GAPS_MAX gaps: the set is exact. */
static void
agrees_with_a_bitmap(void **context)
{
	(void)context;
	random_begin("seqset");
	for (int round = 0; round < 30; round++) {
		struct fw_seqset s = {0}, again = {0};
		uint8_t came[MOST + 2] = {0};
		uint64_t most = 1 + random_below(round % 2 ? FW_GAPS_MAX * 2 : 60);

		for (uint64_t i = 0; i < most * 2; i++) {
			uint64_t n = 1 + random_below(most);

			assert_int_equal(fw_seqset_add(&s, n, (int64_t)i), !came[n]);
			came[n] = 1;
		}
		compare(&s, came);
		fw_seqset_load(
		    &again, s.highest, s.gaps ? s.gaps->items : NULL, fw_seqset_gap_count(&s));
		compare(&again, came);
		fw_seqset_fini(&again);
		fw_seqset_fini(&s);
	}
}

/* More gaps than are held: nothing that has not come is taken for a duplicate, whatever is
 * forgotten. */
static void
forgets_on_the_safe_side(void **context)
{
	static uint8_t came[FW_GAPS_MAX * 8 + 2];
	struct fw_seqset s = {0};
	const uint64_t most = FW_GAPS_MAX * 8;

	(void)context;
	for (uint64_t n = 2; n <= most; n += 2) {
		assert_true(fw_seqset_add(&s, n, (int64_t)n));
		came[n] = 1;
	}
	assert_int_equal(fw_seqset_gap_count(&s), FW_GAPS_MAX);
	assert_int_equal(s.gaps->items[0].opened_at_us, 2);
	assert_true(fw_seqset_has(&s, most - 2));
	for (int i = 0; i < 20000; i++) {
		uint64_t n = 1 + random_below(most);
		bool is_new = fw_seqset_add(&s, n, 0);

		assert_true(is_new || came[n]);
		came[n] = 1;
		assert_true(fw_seqset_has(&s, n));
	}
	assert_sound(&s);
	for (uint64_t n = 1; n <= most; n++)
		assert_true(came[n] || !fw_seqset_has(&s, n));
	fw_seqset_fini(&s);
}

static void
split_at_the_bound(void **context)
{
	struct fw_seqset s = {0};

	(void)context;
	for (uint64_t i = 1; i <= FW_GAPS_MAX; i++)
		assert_true(fw_seqset_add(&s, i * 10, 0));
	assert_int_equal(fw_seqset_gap_count(&s), FW_GAPS_MAX);
	assert_true(fw_seqset_add(&s, 5, 0));
	assert_true(fw_seqset_has(&s, 5));
	assert_true(fw_seqset_add(&s, FW_GAPS_MAX * 10 - 5, 0));
	assert_true(fw_seqset_has(&s, FW_GAPS_MAX * 10 - 5));
	assert_int_equal(fw_seqset_gap_count(&s), FW_GAPS_MAX);
	assert_sound(&s);
	fw_seqset_fini(&s);
}

static void
unsound_gaps_are_cut(void **context)
{
	const struct fw_gap gaps[] = {{0, 0, 1}, {0, 3, 1}, {2, 5, 1}, {9, 8, 1}, {4, 5, 1},
	    {7, 7, 1}, {18, 30, 1}, {40, UINT64_MAX, 1}};
	struct fw_seqset s = {0};

	(void)context;
	fw_seqset_load(&s, 20, gaps, sizeof(gaps) / sizeof(gaps[0]));
	assert_sound(&s);
	for (uint64_t n = 1; n <= 5; n++)
		assert_false(fw_seqset_has(&s, n));
	assert_true(fw_seqset_has(&s, 6));
	assert_false(fw_seqset_has(&s, 7));
	assert_false(fw_seqset_has(&s, 19));
	assert_true(fw_seqset_has(&s, 20));
	fw_seqset_load(&s, 0, gaps, sizeof(gaps) / sizeof(gaps[0]));
	assert_int_equal(fw_seqset_gap_count(&s), 0);
	assert_false(fw_seqset_has(&s, 1));
	fw_seqset_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_of_the_range),
	    cmocka_unit_test(agrees_with_a_bitmap),
	    cmocka_unit_test(forgets_on_the_safe_side),
	    cmocka_unit_test(split_at_the_bound),
	    cmocka_unit_test(unsound_gaps_are_cut),
	};

	return cmocka_run_group_tests_name("seqset", tests, NULL, NULL);
}
