/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device's word means: class, severity, how far it is to be believed alone, and the rule in
 * words.  One table for the whole standard, and the town's overrides before it, which can take no
 * fire and no gas lower.
 */
#ifndef FW_CORE_CLASSIFY_H
#define FW_CORE_CLASSIFY_H

#include "model/report.h"
#include "model/rulebook.h"

enum fw_meaning {
	FW_MEANING_ALARM, /* raises and restores an alarm */
	FW_MEANING_RESET, /* the device was reset: what it had raised is over until it says so again
			   */
};

struct fw_subject {
	uint32_t condition; /* enum fw_condition, not UNSPECIFIED */
	uint32_t system_type, component_type;
	const struct fw_profile *profile; /* NULL: as the standard alone has it */
	const struct fw_level *level;     /* in force; NULL: none */
};

struct fw_judgement {
	enum fw_meaning meaning;
	enum fw_class class;
	enum fw_severity severity;
	enum fw_weight weight;
	const char *reason; /* in words; static, or the town's */
	const char *source; /* standard and clause, or what else it is taken from */
	const char *rule;   /* what made it: "standard FIRE", "standard ACTIVATED of 99", "town" */
};

struct fw_judgement fw_classify(const struct fw_subject *s);

/* May a town's row give the condition that class?  Fire, gas, a manual call and water flow keep
 * their own; such a row is passed over. */
bool fw_classify_allows(uint32_t condition, enum fw_class class);

#endif
