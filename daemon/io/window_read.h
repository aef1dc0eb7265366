/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the test windows whose end is not written down yet. */
#ifndef FW_IO_WINDOW_READ_H
#define FW_IO_WINDOW_READ_H

#include "io/pg.h"
#include "model/window.h"

/* `done` runs in the loop, never from within the call; it takes ownership of the windows.  NULL:
 * error tells why. */
void fw_read_windows(struct fw_pg *pg,
    void (*done)(struct fw_windows *windows, const char *error, void *context), void *context);

#endif
