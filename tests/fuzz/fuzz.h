/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target defines.  driver.c runs it for a number of mutated inputs from a printed seed,
 * or on given files; built with clang -fsanitize=fuzzer, libFuzzer drives the same entry.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the n-th valid input into `out` (at least 4096 bytes); 0 when there is none. */
size_t fuzz_seed_input(size_t n, uint8_t *out);

/* How many runs are a few seconds; a target need not say. */
extern const unsigned long long fuzz_runs __attribute__((weak));

#endif
