/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the configuration file (INI, by inih) into settings. */
#ifndef FW_IO_CONFIG_FILE_H
#define FW_IO_CONFIG_FILE_H

#include <stddef.h>

#include "base/error.h"
#include "model/settings.h"

/*
 * Reads `path` over what `s` holds.  On the first fault returns FW_EINVAL, FW_ENOTFOUND or FW_EIO
 * and `why` holds "file:line: section.key: what is wrong"; `s` is then to be thrown away.
 */
FW_MUST_CHECK int fw_config_read(
    const char *path, struct fw_settings *s, char *why, size_t why_size);

#endif
