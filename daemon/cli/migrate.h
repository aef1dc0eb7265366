/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations of the schema firewatch.  They are the files sql/NNNN_name.sql, built into the program
 * by sql/embed.awk.  What is applied is recorded with its checksum in firewatch.schema_migration
 * and never changes again.
 *
 * Each is applied in a transaction of its own, under a lock that keeps a second migrate waiting.
 * Refused, with nothing changed: a database that is newer than this program, or of which an applied
 * migration differs.
 */
#ifndef FW_CLI_MIGRATE_H
#define FW_CLI_MIGRATE_H

#include <stddef.h>

struct fw_migration {
	int version;
	const char *name;
	const char *text;
};

extern const struct fw_migration fw_migrations[]; /* ascending */
extern const size_t fw_migration_count;

#endif
