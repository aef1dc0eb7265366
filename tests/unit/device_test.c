/* SPDX-License-Identifier: Apache-2.0 */
/* The boots of a device: which are held, which is first, which gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/device.h"
#include "tests/unit/random.h"

static struct fw_arena arena;
static uint64_t forgotten;

static struct fw_device *
make(void)
{
	fw_arena_init(&arena, 4096);
	forgotten = 0;
	return fw_device_new(&arena, "smoke-1");
}

static void
drop(struct fw_device *d)
{
	fw_device_fini(d);
	fw_arena_fini(&arena);
}

static void
use(struct fw_device *d, uint32_t boot_id, uint64_t sequence)
{
	struct fw_boot *boot = fw_device_boot_make(d, boot_id, &forgotten);

	assert_int_equal(boot->boot_id, boot_id);
	assert_ptr_equal(boot, fw_device_boot_at(d, 0));
	assert_true(fw_seqset_add(&boot->received, sequence, 1));
}

static void
last_used_is_first(void **context)
{
	struct fw_device *d = make();

	(void)context;
	assert_null(fw_device_boot_at(d, 0));
	assert_null(fw_device_boot(d, 0));
	use(d, 0, 1);
	use(d, 7, 2);
	use(d, 9, 3);
	use(d, 0, 4);
	assert_int_equal(fw_device_boot_at(d, 1)->boot_id, 9);
	assert_int_equal(fw_device_boot_at(d, 2)->boot_id, 7);
	assert_null(fw_device_boot_at(d, 3));
	assert_true(fw_seqset_has(&fw_device_boot(d, 0)->received, 1));
	assert_true(fw_seqset_has(&fw_device_boot(d, 7)->received, 2));
	assert_null(fw_device_boot(d, 8));
	drop(d);
}

/* In random order: each boot keeps its own sequences, gaps and all. */
static void
boots_are_kept_apart(void **context)
{
	static uint64_t next[FW_BOOTS_MAX];
	struct fw_device *d = make();

	(void)context;
	random_begin("boots");
	for (int i = 0; i < 20000; i++) {
		uint32_t id = (uint32_t)random_below(FW_BOOTS_MAX);

		next[id] += 2;
		use(d, id, next[id]);
	}
	assert_int_equal(forgotten, 0);
	for (uint32_t id = 0; id < FW_BOOTS_MAX; id++) {
		const struct fw_boot *boot = fw_device_boot(d, id);

		assert_int_equal(boot ? boot->received.highest : 0, next[id]);
		assert_int_equal(boot ? fw_seqset_gap_count(&boot->received) : 0, next[id] / 2);
	}
	drop(d);
}

static void
oldest_settled_gives_way(void **context)
{
	struct fw_device *d = make();

	(void)context;
	for (uint32_t id = 1; id <= FW_BOOTS_MAX; id++) {
		use(d, id, 1);
		fw_device_boot(d, id)->dirty = true;
	}
	fw_seqset_add(&fw_device_boot(d, 5)->recorded, 1, 1);
	fw_device_boot(d, 5)->dirty = false;
	fw_device_boot(d, 4)->dirty = false; /* yet not committed */
	assert_int_equal(forgotten, 0);
	use(d, 5000, 1);
	assert_int_equal(forgotten, 1);
	assert_null(fw_device_boot(d, 5));
	assert_non_null(fw_device_boot(d, 4));
	use(d, 5001, 1); /* none is settled */
	assert_int_equal(forgotten, 2);
	assert_null(fw_device_boot(d, 1));
	assert_non_null(fw_device_boot(d, 2));
	assert_non_null(fw_device_boot_at(d, FW_BOOTS_MAX - 1));
	assert_null(fw_device_boot_at(d, FW_BOOTS_MAX));
	drop(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(last_used_is_first),
	    cmocka_unit_test(boots_are_kept_apart),
	    cmocka_unit_test(oldest_settled_gives_way),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
