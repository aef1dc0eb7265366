/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one file of a town, checks every value of it, and copies it into its staged table
 * (town_sql.h). */
#ifndef FW_CLI_IMPORT_FILE_H
#define FW_CLI_IMPORT_FILE_H

#include "cli/db.h"
#include "cli/faults.h"

struct fw_import_file {
	enum fw_town_file file;
	int fd;         /* -1: there is no such file */
	size_t records; /* found in it */
	bool unusable;  /* its header is not understood: nothing of it is staged */
};

/* FW_EXIT_USAGE, told, when it is there and cannot be read. */
FW_MUST_CHECK enum fw_exit fw_import_file_open(
    struct fw_import_file *f, int directory, enum fw_town_file file);
void fw_import_file_close(struct fw_import_file *f);

/* Faults of the file are added to faults; the exit code is about reading and the database. */
FW_MUST_CHECK enum fw_exit fw_import_file_stage(
    struct fw_import_file *f, struct fw_db *db, struct fw_faults *faults);

#endif
