/* SPDX-License-Identifier: Apache-2.0 */
/* Rows -> test windows, for whoever has read them: the daemon on its event loop, firewatchctl at
 * once. */
#ifndef FW_IO_WINDOW_ROWS_H
#define FW_IO_WINDOW_ROWS_H

#include <libpq-fe.h>

#include "model/window.h"

/* Adds the binary rows of FW_SQL_READ_WINDOWS. */
void fw_window_rows(struct fw_windows *windows, const PGresult *rows);

#endif
