/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target: `TARGET [--seed N] [--runs N] [FILE …]`.  Mutates the target's valid inputs;
 * the sanitizers judge. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUT_MAX 4096

static uint64_t state;

/* SplitMix64. */
static uint64_t
next(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t
below(size_t most)
{
	return most ? (size_t)(next() % most) : 0;
}

static size_t
mutate(uint8_t *data, size_t size)
{
	static const uint8_t edges[] = {0x00, 0x01, 0x0a, 0x7f, 0x80, 0xff};

	switch (next() % 6) {
	case 0:
		if (size)
			data[below(size)] ^= (uint8_t)(1u << (next() % 8));
		return size;
	case 1:
		if (size)
			data[below(size)] = edges[next() % sizeof(edges)];
		return size;
	case 2:
		return below(size + 1);
	case 3: { /* repeat a piece */
		size_t from = below(size), n = below(size - from + 1);

		if (size + n > INPUT_MAX)
			return size;
		memmove(data + from + n, data + from, size - from);
		return size + n;
	}
	case 4: { /* drop a piece */
		size_t from = below(size), n = below(size - from + 1);

		memmove(data + from, data + from + n, size - from - n);
		return size - n;
	}
	default:
		if (size < INPUT_MAX)
			data[size++] = (uint8_t)next();
		return size;
	}
}

static void
run_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		exit(2);
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
}

static void
run_mutations(unsigned long long runs)
{
	static uint8_t data[INPUT_MAX];
	size_t seeds = 0;

	while (fuzz_seed_input(seeds, data))
		seeds++;
	for (unsigned long long k = 0; k < runs; k++) {
		size_t size = fuzz_seed_input(k % seeds, data);
		size_t mutations = 1 + below(8);

		/* Exactly as large as it is, so that a read behind its end is seen. */
		while (mutations--)
			size = mutate(data, size);
		uint8_t *exact = malloc(size ? size : 1);

		memcpy(exact, data, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
}

int
main(int argc, char **argv)
{
	unsigned long long runs = &fuzz_runs ? fuzz_runs : 100000,
			   seed = (unsigned long long)time(NULL);
	int files = 0;

	for (int k = 1; k < argc; k++) {
		if (strcmp(argv[k], "--seed") == 0 && k + 1 < argc)
			seed = strtoull(argv[++k], NULL, 0);
		else if (strcmp(argv[k], "--runs") == 0 && k + 1 < argc)
			runs = strtoull(argv[++k], NULL, 0);
		else
			files++, run_file(argv[k]);
	}
	if (files)
		return 0;
	state = seed;
	printf("%s: --seed %llu --runs %llu\n", argv[0], seed, runs);
	fflush(stdout);
	run_mutations(runs);
	return 0;
}
