/* SPDX-License-Identifier: Apache-2.0 */
/* The codes of GB/T 26875.3-2011; see standard.h. */
#include "model/standard.h"

#include <stddef.h>

#define FIRST_USER 128

struct name {
	const char *en, *zh;
};

/* Code 23 is 消防电源: a transcription that goes round repeats 消防电梯 there. */
static const struct name systems[FIRST_USER] = {
    [0] = {"general", "通用"},
    [1] = {"fire alarm system", "火灾报警系统"},
    [10] = {"fire linkage controller", "消防联动控制器"},
    [11] = {"hydrant system", "消火栓系统"},
    [12] = {"sprinkler system", "自动喷水灭火系统"},
    [13] = {"gas extinguishing system", "气体灭火系统"},
    [14] = {"water spray system started by a pump", "水喷雾灭火系统(泵启动方式)"},
    [15] = {"water spray system started by a pressure vessel", "水喷雾灭火系统(压力容器启动方式)"},
    [16] = {"foam extinguishing system", "泡沫灭火系统"},
    [17] = {"powder extinguishing system", "干粉灭火系统"},
    [18] = {"smoke control system", "防烟排烟系统"},
    [19] = {"fire doors and shutters", "防火门及卷帘系统"},
    [20] = {"fire lift", "消防电梯"},
    [21] = {"emergency broadcast", "消防应急广播"},
    [22] = {"emergency lighting and escape signs", "消防应急照明和疏散指示系统"},
    [23] = {"power supply of fire equipment", "消防电源"},
    [24] = {"fire telephone", "消防电话"},
};

static const struct name components[FIRST_USER] = {
    [0] = {"general", "通用"},
    [1] = {"fire alarm controller", "火灾报警控制器"},
    [10] = {"combustible-gas detector", "可燃气体探测器"},
    [11] = {"point combustible-gas detector", "点型可燃气体探测器"},
    [12] = {"standalone combustible-gas detector", "独立式可燃气体探测器"},
    [13] = {"line combustible-gas detector", "线型可燃气体探测器"},
    [16] = {"electrical-fire monitor", "电气火灾监控报警器"},
    [17] = {"residual-current electrical-fire detector", "剩余电流式电气火灾监控探测器"},
    [18] = {"temperature electrical-fire detector", "测温式电气火灾监控探测器"},
    [21] = {"detection loop", "探测回路"},
    [22] = {"fire display panel", "火灾显示盘"},
    [23] = {"manual call point", "手动火灾报警按钮"},
    [24] = {"hydrant button", "消火栓按钮"},
    [25] = {"fire detector", "火灾探测器"},
    [30] = {"heat detector", "感温火灾探测器"},
    [31] = {"point heat detector", "点型感温火灾探测器"},
    [32] = {"point heat detector, type S", "点型感温火灾探测器(S型)"},
    [33] = {"point heat detector, type R", "点型感温火灾探测器(R型)"},
    [34] = {"line heat detector", "线型感温火灾探测器"},
    [35] = {"line heat detector, type S", "线型感温火灾探测器(S型)"},
    [36] = {"line heat detector, type R", "线型感温火灾探测器(R型)"},
    [37] = {"optical-fibre heat detector", "光纤感温火灾探测器"},
    [40] = {"smoke detector", "感烟火灾探测器"},
    [41] = {"point ionisation smoke detector", "点型离子感烟火灾探测器"},
    [42] = {"point optical smoke detector", "点型光电感烟火灾探测器"},
    [43] = {"line beam smoke detector", "线型光束感烟火灾探测器"},
    [44] = {"aspirating smoke detector", "吸气式感烟火灾探测器"},
    [50] = {"combined fire detector", "复合式火灾探测器"},
    [51] = {"combined smoke and heat detector", "复合式感烟感温火灾探测器"},
    [52] = {"combined light and heat detector", "复合式感光感温火灾探测器"},
    [53] = {"combined light and smoke detector", "复合式感光感烟火灾探测器"},
    [61] = {"ultraviolet flame detector", "紫外火焰探测器"},
    [62] = {"infrared flame detector", "红外火焰探测器"},
    [69] = {"light-sensing fire detector", "感光火灾探测器"},
    [74] = {"gas-sensing detector", "气体探测器"},
    [78] = {"camera fire detector", "图像摄像方式火灾探测器"},
    [79] = {"sound fire detector", "感声火灾探测器"},
    [81] = {"gas extinguishing controller", "气体灭火控制器"},
    [82] = {"electrical control of fire equipment", "消防电气控制装置"},
    [83] = {"control-room display", "消防控制室图形显示装置"},
    [84] = {"module", "模块"},
    [85] = {"input module", "输入模块"},
    [86] = {"output module", "输出模块"},
    [87] = {"input and output module", "输入/输出模块"},
    [88] = {"relay module", "中继模块"},
    [91] = {"fire pump", "消防水泵"},
    [92] = {"fire water tank", "消防水箱"},
    [95] = {"sprinkler pump", "喷淋泵"},
    [96] = {"flow indicator", "水流指示器"},
    [97] = {"signal valve", "信号阀"},
    [98] = {"alarm valve", "报警阀"},
    [99] = {"pressure switch", "压力开关"},
    [101] = {"valve drive", "阀驱动装置"},
    [102] = {"fire door", "防火门"},
    [103] = {"fire damper", "防火阀"},
    [104] = {"ventilation and air conditioning", "通风空调系统"},
    [105] = {"foam pump", "泡沫液泵"},
    [106] = {"pipe solenoid valve", "管网电磁阀"},
    [111] = {"smoke control fan", "防烟排烟风机"},
    [113] = {"smoke exhaust damper", "排烟防火阀"},
    [114] = {"normally closed air supply", "常闭送风口"},
    [115] = {"smoke outlet", "排烟口"},
    [116] = {"electric smoke curtain", "电控挡烟垂壁"},
    [117] = {"fire shutter controller", "防火卷帘控制器"},
    [118] = {"fire door monitor", "防火门监控器"},
    [121] = {"alarm sounder", "警报装置"},
};

static const struct name otherwise[FW_CODES] = {
    [FW_CODE_RESERVED] = {"reserved", "预留"},
    [FW_CODE_USER] = {"user defined", "用户自定义"},
    [FW_CODE_BEYOND] = {"not of the standard", "非标准编码"},
};

static enum fw_code
code_of(const struct name *names, uint32_t type)
{
	if (type >= FW_STANDARD_CODES)
		return FW_CODE_BEYOND;
	if (type >= FIRST_USER)
		return FW_CODE_USER;
	return names[type].en ? FW_CODE_NAMED : FW_CODE_RESERVED;
}

static const struct name *
name_of(const struct name *names, uint32_t type)
{
	enum fw_code code = code_of(names, type);

	return code == FW_CODE_NAMED ? &names[type] : &otherwise[code];
}

enum fw_code
fw_component_code(uint32_t type)
{
	return code_of(components, type);
}

enum fw_code
fw_system_code(uint32_t type)
{
	return code_of(systems, type);
}

const char *
fw_component_name(uint32_t type)
{
	return name_of(components, type)->en;
}

const char *
fw_component_name_zh(uint32_t type)
{
	return name_of(components, type)->zh;
}

const char *
fw_system_name(uint32_t type)
{
	return name_of(systems, type)->en;
}
