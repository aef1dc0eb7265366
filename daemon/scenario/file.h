/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario's text, from its file. */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include <stddef.h>

/* The whole file, in the heap; NULL: errno tells, EFBIG where it is larger than 64 MiB. */
char *sim_file_read(const char *path, size_t *len);

#endif
