/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory that is never NULL; see mem.h. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *
fw_calloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *
fw_realloc(void *old, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	p = realloc(old, bytes ? bytes : 1);
	if (!p)
		abort();
	return p;
}

char *
fw_strdup(const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(fw_calloc(n, 1), text, n);
}

void *
fw_grow(void *items, size_t *cap, size_t wanted, size_t size)
{
	size_t n = *cap ? *cap : 16;

	if (items && wanted <= *cap)
		return items;
	while (n < wanted) {
		if (n > SIZE_MAX / 2)
			abort();
		n *= 2;
	}
	*cap = n;
	return fw_realloc(items, n, size);
}
