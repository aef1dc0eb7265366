/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: pieces do not overlap, are aligned, and a steady load allocates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

#define PIECES 200

static void
pieces_do_not_overlap(void **context)
{
	struct fw_arena a;
	unsigned char *pieces[PIECES];

	(void)context;
	fw_arena_init(&a, 256);
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i] = fw_arena_alloc(&a, i * 3);
		assert_int_equal((uintptr_t)pieces[i] % 8, 0);
		if (i > 0)
			memset(pieces[i], (int)i, i * 3);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t k = 0; k < i * 3; k++)
			assert_int_equal(pieces[i][k], (unsigned char)i);
	fw_arena_fini(&a);
}

static void
reset_keeps_one_block(void **context)
{
	struct fw_arena a;
	void *first;

	(void)context;
	fw_arena_init(&a, 1024);
	first = fw_arena_alloc(&a, 100);
	for (int round = 0; round < 3; round++) {
		fw_arena_alloc(&a, 100000); /* a block of its own, which does not take the place of
					       the one in use */
		fw_arena_reset(&a);
		assert_ptr_equal(fw_arena_alloc(&a, 100), first);
	}
	fw_arena_fini(&a);
	fw_arena_init(&a, 16);
	fw_arena_alloc(&a, 1000);
	fw_arena_reset(&a);
	assert_null(a.blocks);
	fw_arena_reset(&a);
	fw_arena_fini(&a);
}

static void
text_is_copied(void **context)
{
	struct fw_arena a;
	const char *text = "敬老院三楼";

	(void)context;
	fw_arena_init(&a, 64);
	assert_string_equal(fw_arena_text(&a, text, strlen(text)), text);
	assert_string_equal(fw_arena_text(&a, text, 9), "敬老院");
	assert_string_equal(fw_arena_text(&a, NULL, 0), "");
	assert_string_equal(fw_arena_printf(&a, "%s %0200d", text, 7) + strlen(text) + 200, "7");
	assert_string_equal(fw_arena_printf(&a, "%s", ""), "");
	fw_arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_do_not_overlap),
	    cmocka_unit_test(reset_keeps_one_block),
	    cmocka_unit_test(text_is_copied),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
