/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of the property tests.  FW_TEST_SEED repeats a run; the seed is printed. */
#ifndef FW_TESTS_UNIT_RANDOM_H
#define FW_TESTS_UNIT_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

static inline void
random_begin(const char *test)
{
	const char *given = getenv("FW_TEST_SEED");

	random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("%s: FW_TEST_SEED=%llu\n", test, (unsigned long long)random_state);
}

/* SplitMix64 */
static inline uint64_t
random_next(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t
random_below(uint64_t n)
{
	return random_next() % n;
}

#endif
