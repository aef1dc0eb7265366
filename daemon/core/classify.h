/* SPDX-License-Identifier: Apache-2.0 */
/* What a condition means: its class, and the rule in words. */
#ifndef FW_CORE_CLASSIFY_H
#define FW_CORE_CLASSIFY_H

#include "model/report.h"

enum fw_meaning {
	FW_MEANING_ALARM, /* raises and restores an alarm */
	FW_MEANING_RESET, /* the device was reset: what it had raised is over until it says so again
			   */
};

struct fw_judgement {
	enum fw_meaning meaning;
	enum fw_class class;
	const char *reason;
};

/* `condition` must be one of enum fw_condition but UNSPECIFIED. */
struct fw_judgement fw_classify(uint32_t condition);

#endif
