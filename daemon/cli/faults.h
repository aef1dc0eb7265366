/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of a town's files: collected in any order, told in the order of files and lines. */
#ifndef FW_CLI_FAULTS_H
#define FW_CLI_FAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/town_files.h"

#define FW_FAULTS_TOLD 100

struct fw_fault;

struct fw_faults {
	struct fw_fault *items;
	size_t count, cap;
	size_t total;       /* with those that were only counted */
	const char *prefix; /* of each line; NULL: none */
};

void fw_faults_fini(struct fw_faults *f);

/* column may be NULL: the record as a whole.  Whoever adds many of a file adds the first
 * FW_FAULTS_TOLD, and counts the rest. */
void fw_faults_add(struct fw_faults *f, enum fw_town_file file, int64_t line, const char *column,
    const char *format, ...) FW_PRINTF(5, 6);
void fw_faults_count(struct fw_faults *f, size_t more);

/* "file:line: column: what is wrong" on standard error, the first FW_FAULTS_TOLD; then how many
 * more there are. */
void fw_faults_tell(struct fw_faults *f);

#endif
