/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One asynchronous PostgreSQL connection in libpq's pipeline mode, on the event loop; the only module that calls libpq.
 *
 * A request is a run of prepared statements that succeed or fail together: one transaction.  Requests are answered in order, and each
 * exactly once: with results, with the server's error, or with a lost connection (then the outcome is unknown).  It connects
 * and reconnects by itself with jittered back-off, and prepares its statements on every connect.
 */
#ifndef FW_IO_PG_H
#define FW_IO_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct fw_pg;

#endif
