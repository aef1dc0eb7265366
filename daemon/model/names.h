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

/* The wire contract's Condition (firewatch.proto), in the order of its numbers: FW_CONDITION_FIRE
 * is 1, and its name "FIRE". */
#define FW_CONDITION_LIST(X) \
	X(UNSPECIFIED)       \
	X(FIRE)              \
	X(PRE_ALARM)         \
	X(GAS)               \
	X(FAULT)             \
	X(DISABLED)          \
	X(SUPERVISORY)       \
	X(ACTIVATED)         \
	X(FEEDBACK)          \
	X(DELAYED)           \
	X(MAINS_LOST)        \
	X(BATTERY_LOW)       \
	X(TAMPER)            \
	X(TRIPPED)           \
	X(WATER_FLOW)        \
	X(MANUAL_CALL)       \
	X(RESET)             \
	X(SELF_TEST)         \
	X(MUTED)             \
	X(ARC_FAULT)

#define FW_CONDITION_NUMBER(name) FW_CONDITION_##name,
enum fw_condition { FW_CONDITION_LIST(FW_CONDITION_NUMBER) FW_CONDITIONS };
#define FW_WIRE_CONDITIONS ((UINT64_C(1) << FW_CONDITIONS) - 1) /* one bit for each */

/* Perceived severity, in the words of ITU-T X.733. */
enum fw_severity {
	FW_SEVERITY_CRITICAL,
	FW_SEVERITY_MAJOR,
	FW_SEVERITY_MINOR,
	FW_SEVERITY_WARNING,
	FW_SEVERITY_INDETERMINATE,
	FW_SEVERITIES,
};

/* What an alarm is worth for the question whether a fire is real. */
enum fw_weight {
	FW_WEIGHT_NONE,     /* says nothing of it */
	FW_WEIGHT_SUPPORTS, /* no fire by itself, but makes one of its zone more likely: a pump that
			       was started */
	FW_WEIGHT_DETECTOR, /* a detector: two confirm */
	FW_WEIGHT_STRONG,   /* alone of high confidence, with a detector a confirmation: a person's
			       hand, water that flows */
	FW_WEIGHTS
};

/* How sure it is that an incident's fire is real. */
enum fw_confidence {
	FW_CONFIDENCE_SINGLE,
	FW_CONFIDENCE_HIGH,
	FW_CONFIDENCE_CONFIRMED,
	FW_CONFIDENCES
};

/* Protection levels of important days, the lowest first. */
enum fw_level_id { FW_LEVEL_NORMAL, FW_LEVEL_ELEVATED, FW_LEVEL_HIGHEST, FW_LEVELS };

enum fw_mode { FW_MODE_NORMAL, FW_MODE_TEST, FW_MODE_MAINTENANCE };

/* The wire contract's Quantity, and what a device measures of itself (Health), numbered behind. */
enum fw_quantity {
	FW_QUANTITY_UNSPECIFIED,
	FW_QUANTITY_TEMPERATURE_CELSIUS,
	FW_QUANTITY_SMOKE_DB_PER_M,
	FW_QUANTITY_RESIDUAL_CURRENT_MA,
	FW_QUANTITY_PRESSURE_KPA,
	FW_QUANTITY_LEVEL_M,
	FW_QUANTITY_GAS_PERCENT_LEL,
	FW_QUANTITY_VOLTAGE_V,
	FW_QUANTITY_CURRENT_A,
	FW_QUANTITY_FLOW_L_PER_S,
	FW_QUANTITY_HUMIDITY_PERCENT,
	FW_QUANTITY_CONTAMINATION_PERCENT,
	FW_QUANTITY_COUNT,
	FW_QUANTITY_CO_PPM,
	FW_WIRE_QUANTITIES,
	FW_QUANTITY_BATTERY_PERCENT = FW_WIRE_QUANTITIES,
	FW_QUANTITY_SIGNAL_DBM,
	FW_QUANTITIES,
};

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

const char *fw_severity_name(enum fw_severity severity);
const char *fw_weight_name(enum fw_weight weight);
const char *fw_confidence_name(enum fw_confidence confidence);
const char *fw_level_name(enum fw_level_id level);
const char *fw_condition_name(uint32_t condition); /* as the wire contract writes it: "FIRE" */
const char *fw_quantity_name(int32_t quantity);    /* as sql/0001 does: "temperature_celsius" */

/* What the severity of a class is unless a rule says otherwise. */
enum fw_severity fw_class_severity(enum fw_class class);

/* Classes in which lives are in danger at once: fire and gas. */
bool fw_class_is_emergency(enum fw_class class);

/* FW_CLASSES, FW_SEVERITIES, FW_CONDITION_UNSPECIFIED, -1, FW_CONFIDENCE_SINGLE, FW_LEVEL_NORMAL or
 * FW_VERDICT_NONE when
 * the word is not of the list. */
enum fw_class fw_class_of(const char *name);
enum fw_severity fw_severity_of(const char *name);
uint32_t fw_condition_of(const char *name);
int32_t fw_quantity_of(const char *name);
enum fw_confidence fw_confidence_of(const char *name);
enum fw_level_id fw_level_of(const char *name);
enum fw_verdict fw_verdict_of(const char *name);

#endif
