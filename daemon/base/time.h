/* SPDX-License-Identifier: Apache-2.0 */
/* Time as int64_t microseconds since 1970-01-01T00:00:00Z.  Arithmetic and text only: nothing here
 * reads a clock. */
#ifndef FW_BASE_TIME_H
#define FW_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define FW_MS ((int64_t)1000)
#define FW_S ((int64_t)1000000)
#define FW_MIN (60 * FW_S)
#define FW_DAY (86400 * FW_S)
#define FW_NEVER INT64_MAX

#define FW_TIME_TEXT_MAX 48

/* RFC 3339 with an offset or Z, seconds optional fraction up to 9 digits; "2026-11-24" alone is
 * midnight UTC. */
FW_MUST_CHECK int fw_time_parse(const char *text, int64_t *out_us);

/* "2026-11-24T16:40:03.123Z", or "-" for 0 and "never" for FW_NEVER.  Returns out. */
char *fw_time_text(int64_t t_us, char out[FW_TIME_TEXT_MAX]);

#endif
