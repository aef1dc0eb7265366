/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a scenario's file; see file.h. */
#include "scenario/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define MOST_BYTES (64 * 1024 * 1024)

char *
sim_file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	size_t cap = 0, n;
	char *text = NULL;

	*len = 0;
	if (!f)
		return NULL;
	do {
		text = fw_grow(text, &cap, *len + 64 * 1024, 1);
		n = fread(text + *len, 1, 64 * 1024, f);
		*len += n;
	} while (n > 0 && *len < MOST_BYTES);
	if (ferror(f) || n > 0) {
		errno = n > 0 ? EFBIG : errno;
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}
