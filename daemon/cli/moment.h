/* SPDX-License-Identifier: Apache-2.0 */
/* The moments of options. */
#ifndef FW_CLI_MOMENT_H
#define FW_CLI_MOMENT_H

#include <stddef.h>

#include "cli/exit.h"

/* A moment, RFC 3339, how long ago or (+) how long from now, as microseconds since 1970 in decimal;
 * no text is NULL.  A fault has been said. */
enum fw_exit fw_moment_take(const char *text, char *out, size_t out_size, const char **value);

#endif
