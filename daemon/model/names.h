/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the domain and their numbers.  Class names, severities and quantities are also rows
 * of sql/0001_tables.sql; the integration tests hold the two together.
 */
#ifndef FW_MODEL_NAMES_H
#define FW_MODEL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

enum fw_lane { FW_LANE_ALARM = 0, FW_LANE_TELEMETRY = 1, FW_LANES = 2 };

/* Alarm classes, highest first: a smaller number outranks a larger one. */
enum fw_class {
	FW_CLASS_FIRE,
	FW_CLASS_GAS,
	FW_CLASS_ELECTRICAL,
	FW_CLASS_PRE_ALARM,
	FW_CLASS_SUPERVISORY,
	FW_CLASS_FAULT,
	FW_CLASS_DISABLED,
	FW_CLASS_POWER,
	FW_CLASS_TAMPER,
	FW_CLASS_OFFLINE,
	FW_CLASS_TEST,
	FW_CLASSES,
};

/* The wire contract's Condition (firewatch.proto). */
enum fw_condition {
	FW_CONDITION_UNSPECIFIED,
	FW_CONDITION_FIRE,
	FW_CONDITION_PRE_ALARM,
	FW_CONDITION_GAS,
	FW_CONDITION_FAULT,
	FW_CONDITION_DISABLED,
	FW_CONDITION_SUPERVISORY,
	FW_CONDITION_ACTIVATED,
	FW_CONDITION_FEEDBACK,
	FW_CONDITION_DELAYED,
	FW_CONDITION_MAINS_LOST,
	FW_CONDITION_BATTERY_LOW,
	FW_CONDITION_TAMPER,
	FW_CONDITION_TRIPPED,
	FW_CONDITION_WATER_FLOW,
	FW_CONDITION_MANUAL_CALL,
	FW_CONDITION_RESET,
	FW_CONDITION_SELF_TEST,
	FW_CONDITION_MUTED,
	FW_CONDITION_ARC_FAULT,
	FW_CONDITIONS,
};

enum fw_mode { FW_MODE_NORMAL, FW_MODE_TEST, FW_MODE_MAINTENANCE };

/* Why something is in quarantine: the wire contract's Reason. */
enum fw_reason {
	FW_REASON_NONE,
	FW_REASON_NOT_PROTOBUF,
	FW_REASON_IDENTITY,
	FW_REASON_OVERSIZE,
	FW_REASON_CONDITION,
	FW_REASON_VALUE,
	FW_REASON_SEQUENCE,
	FW_REASON_TEXT,
	FW_REASON_TOPIC,
	FW_REASON_REFUSED,
	FW_REASONS,
};

enum fw_verdict {
	FW_VERDICT_NONE,
	FW_VERDICT_REAL_FIRE,
	FW_VERDICT_FALSE_ALARM,
	FW_VERDICT_TEST,
	FW_VERDICT_MAINTENANCE,
	FW_VERDICT_UNKNOWN,
	FW_VERDICTS,
};

/* Each returns a static word; "unknown" for a number that is not of the list. */
const char *fw_lane_name(enum fw_lane lane);
const char *fw_class_name(enum fw_class class);
const char *fw_class_name_zh(enum fw_class class);
const char *fw_reason_name(enum fw_reason reason);

/* Perceived severity of a class, in the words of ITU-T X.733: critical, major, minor, warning,
 * indeterminate. */
const char *fw_class_severity(enum fw_class class);

/* Classes in which lives are in danger at once: fire and gas. */
bool fw_class_is_emergency(enum fw_class class);

/* FW_CLASSES or FW_VERDICT_NONE when the word is not of the list. */
enum fw_class fw_class_of(const char *name);
enum fw_verdict fw_verdict_of(const char *name);

#endif
