/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the town from PostgreSQL. */
#ifndef FW_IO_TOWN_READ_H
#define FW_IO_TOWN_READ_H

#include <stdint.h>

#include "io/pg.h"
#include "model/town.h"

/* One consistent snapshot.  town is the callback's to own; NULL: it could not be read and `error`
 * tells why. */
void fw_read_town(struct fw_pg *pg, uint64_t hash_seed,
    void (*done)(struct fw_town *town, const char *error, void *context), void *context);

#endif
