/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a person: complaints on standard error, and text from outside made harmless for a
 * terminal. */
#ifndef FW_CLI_SAY_H
#define FW_CLI_SAY_H

#include <stdio.h>

#include "base/error.h"

/* "firewatchctl: …" and a line feed on standard error.  Control characters are written as '?',
 * trailing line feeds dropped. */
void fw_say(const char *format, ...) FW_PRINTF(1, 2);

/*
 * Writes valid UTF-8 up to `most` columns ("…" where cut; 0: no limit), control characters as '?'.
 * Returns the columns written; with no `out` only counts them.
 */
size_t fw_say_text(FILE *out, const char *text, size_t most);

#endif
