/* SPDX-License-Identifier: Apache-2.0 */
/* The form of the table of conditions: inside classify.c and classify_table.c. */
#ifndef FW_CORE_CLASSIFY_TABLE_H
#define FW_CORE_CLASSIFY_TABLE_H

#include <stddef.h>

#include "core/classify.h"
#include "model/standard.h"

struct fw_line {
	uint8_t first, last; /* types of components */
	uint8_t system;      /* 0: any; else of this one, whatever the component */
	enum fw_class class;
	enum fw_severity severity;
	enum fw_weight weight;
	const char *reason[FW_CODES]; /* by what the standard does with the type */
	const char *source, *rule;
};

struct fw_lines {
	enum fw_meaning meaning;
	struct fw_line base;
	/* The first one that fits, those of systems first, which give way to one of the component
	 * that is as serious.  Those of components are for types that the standard names. */
	const struct fw_line *exceptions;
	size_t count;
};

extern const struct fw_lines fw_lines[]; /* by condition */

/* What a pre-alarm is while the protection level takes it for an alarm. */
extern const struct fw_lines fw_lines_raised;

#endif
