/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the domain; see names.h. */
#include "model/names.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *severity, *zh;
} classes[FW_CLASSES] = {
    [FW_CLASS_FIRE] = {"fire", "critical", "火警"},
    [FW_CLASS_GAS] = {"gas", "critical", "燃气泄漏"},
    [FW_CLASS_ELECTRICAL] = {"electrical", "major", "电气火灾隐患"},
    [FW_CLASS_PRE_ALARM] = {"pre_alarm", "major", "预警"},
    [FW_CLASS_SUPERVISORY] = {"supervisory", "minor", "监管"},
    [FW_CLASS_FAULT] = {"fault", "minor", "故障"},
    [FW_CLASS_DISABLED] = {"disabled", "minor", "屏蔽"},
    [FW_CLASS_POWER] = {"power", "warning", "电源"},
    [FW_CLASS_TAMPER] = {"tamper", "warning", "防拆"},
    [FW_CLASS_OFFLINE] = {"offline", "warning", "离线"},
    [FW_CLASS_TEST] = {"test", "indeterminate", "测试"},
};

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

const char *fw_class_severity(enum fw_class class)
{
	return class < FW_CLASSES ? classes[class].severity : "unknown";
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

enum fw_verdict
fw_verdict_of(const char *name)
{
	for (int i = 1; i < FW_VERDICTS; i++)
		if (strcmp(name, verdicts[i]) == 0)
			return (enum fw_verdict)i;
	return FW_VERDICT_NONE;
}
