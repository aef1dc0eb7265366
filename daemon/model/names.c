/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the domain; see names.h. */
#include "model/names.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	enum fw_severity severity;
	const char *zh;
} classes[FW_CLASSES] = {
    [FW_CLASS_FIRE] = {"fire", FW_SEVERITY_CRITICAL, "火警"},
    [FW_CLASS_GAS] = {"gas", FW_SEVERITY_CRITICAL, "燃气泄漏"},
    [FW_CLASS_ELECTRICAL] = {"electrical", FW_SEVERITY_MAJOR, "电气火灾隐患"},
    [FW_CLASS_PRE_ALARM] = {"pre_alarm", FW_SEVERITY_MAJOR, "预警"},
    [FW_CLASS_SUPERVISORY] = {"supervisory", FW_SEVERITY_MINOR, "监管"},
    [FW_CLASS_FAULT] = {"fault", FW_SEVERITY_MINOR, "故障"},
    [FW_CLASS_DISABLED] = {"disabled", FW_SEVERITY_MINOR, "屏蔽"},
    [FW_CLASS_POWER] = {"power", FW_SEVERITY_WARNING, "电源"},
    [FW_CLASS_TAMPER] = {"tamper", FW_SEVERITY_WARNING, "防拆"},
    [FW_CLASS_OFFLINE] = {"offline", FW_SEVERITY_WARNING, "离线"},
    [FW_CLASS_TEST] = {"test", FW_SEVERITY_INDETERMINATE, "测试"},
};

static const char *const severities[FW_SEVERITIES] = {
    "critical", "major", "minor", "warning", "indeterminate"};

static const char *const weights[] = {
    [FW_WEIGHT_NONE] = "none",
    [FW_WEIGHT_SUPPORTS] = "supports",
    [FW_WEIGHT_DETECTOR] = "detector",
    [FW_WEIGHT_STRONG] = "strong",
};

static const char *const confidences[FW_CONFIDENCES] = {"single", "high", "confirmed"};

static const char *const levels[FW_LEVELS] = {"normal", "elevated", "highest"};

#define CONDITION_NAME(name) #name,
static const char *const conditions[] = {FW_CONDITION_LIST(CONDITION_NAME)};

static const char *const quantities[FW_QUANTITIES] = {"unspecified", "temperature_celsius",
    "smoke_db_per_m", "residual_current_ma", "pressure_kpa", "level_m", "gas_percent_lel",
    "voltage_v", "current_a", "flow_l_per_s", "humidity_percent", "contamination_percent", "count",
    "co_ppm", "battery_percent", "signal_dbm"};

static const char *const reasons[FW_REASONS] = {"none", "not_protobuf", "identity", "oversize",
    "condition", "value", "sequence", "text", "topic", "refused"};

static const char *const verdicts[FW_VERDICTS] = {
    "", "real_fire", "false_alarm", "test", "maintenance", "unknown"};

const char *
fw_lane_name(enum fw_lane lane)
{
	return lane == FW_LANE_ALARM ? "alarm" : "telemetry";
}

const char *fw_class_name(enum fw_class class)
{
	return class < FW_CLASSES ? classes[class].name : "unknown";
}

const char *fw_class_name_zh(enum fw_class class)
{
	return class < FW_CLASSES ? classes[class].zh : "未知";
}

enum fw_severity fw_class_severity(enum fw_class class)
{
	return class < FW_CLASSES ? classes[class].severity : FW_SEVERITY_INDETERMINATE;
}

const char *
fw_severity_name(enum fw_severity severity)
{
	return severity < FW_SEVERITIES ? severities[severity] : "unknown";
}

const char *
fw_weight_name(enum fw_weight weight)
{
	return weight <= FW_WEIGHT_STRONG ? weights[weight] : "unknown";
}

const char *
fw_confidence_name(enum fw_confidence confidence)
{
	return confidence < FW_CONFIDENCES ? confidences[confidence] : "unknown";
}

const char *
fw_level_name(enum fw_level_id level)
{
	return level < FW_LEVELS ? levels[level] : "unknown";
}

const char *
fw_condition_name(uint32_t condition)
{
	return condition < FW_CONDITIONS ? conditions[condition] : "unknown";
}

const char *
fw_quantity_name(int32_t quantity)
{
	return quantity >= 0 && quantity < FW_QUANTITIES ? quantities[quantity] : "unknown";
}

bool fw_class_is_emergency(enum fw_class class)
{
	return class == FW_CLASS_FIRE || class == FW_CLASS_GAS;
}

const char *
fw_reason_name(enum fw_reason reason)
{
	return reason < FW_REASONS ? reasons[reason] : "unknown";
}

enum fw_class
fw_class_of(const char *name)
{
	for (int i = 0; i < FW_CLASSES; i++)
		if (strcmp(name, classes[i].name) == 0)
			return (enum fw_class)i;
	return FW_CLASSES;
}

/* `count` when it is none of them. */
static size_t
place_of(const char *name, const char *const *words, size_t count)
{
	size_t i = 0;

	while (i < count && strcmp(name, words[i]) != 0)
		i++;
	return i;
}

enum fw_severity
fw_severity_of(const char *name)
{
	return (enum fw_severity)place_of(name, severities, FW_SEVERITIES);
}

uint32_t
fw_condition_of(const char *name)
{
	size_t i = place_of(name, conditions, FW_CONDITIONS);

	return i < FW_CONDITIONS ? (uint32_t)i : FW_CONDITION_UNSPECIFIED;
}

int32_t
fw_quantity_of(const char *name)
{
	size_t i = place_of(name, quantities, FW_QUANTITIES);

	return i < FW_QUANTITIES ? (int32_t)i : -1;
}

enum fw_confidence
fw_confidence_of(const char *name)
{
	size_t i = place_of(name, confidences, FW_CONFIDENCES);

	return i < FW_CONFIDENCES ? (enum fw_confidence)i : FW_CONFIDENCE_SINGLE;
}

enum fw_level_id
fw_level_of(const char *name)
{
	size_t i = place_of(name, levels, FW_LEVELS);

	return i < FW_LEVELS ? (enum fw_level_id)i : FW_LEVEL_NORMAL;
}

enum fw_verdict
fw_verdict_of(const char *name)
{
	for (int i = 1; i < FW_VERDICTS; i++)
		if (strcmp(name, verdicts[i]) == 0)
			return (enum fw_verdict)i;
	return FW_VERDICT_NONE;
}
