/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conditions mean: for each a base line, and before it the lines for those types of components
 * and systems that it means something else for.  A condition is added as a line of fw_lines;
 * firewatchctl classification list prints the whole.
 *
 * Where a line is from stands in it.  "field practice" is what no standard says and what operators
 * of fire-control rooms do.
 */
#include "core/classify_table.h"

#define ANY 0, UINT8_MAX

/* Types of components without a name of their own are told by the reason; only lines that are for
 * any type need that. */
#define WORDS(text)                                                                           \
	{                                                                                     \
		[FW_CODE_NAMED] = text,                                                       \
		[FW_CODE_RESERVED] = text "; its component type is reserved in the standard", \
		[FW_CODE_USER] = text "; its component type is the maker's own",              \
		[FW_CODE_BEYOND] = text "; its component type is none of the standard",       \
	}

#define LINE(c, s, w) .class = FW_CLASS_##c, .severity = FW_SEVERITY_##s, .weight = FW_WEIGHT_##w

/* For types from a to b; those that the standard does not name are not meant. */
#define FROM(condition, a, b, c, s, w, text, from)                                      \
	{                                                                               \
		.first = a, .last = b, LINE(c, s, w), .reason = {text}, .source = from, \
		.rule = "standard " #condition " of " #a "-" #b                         \
	}
#define OF(condition, a, c, s, w, text, from)                                           \
	{                                                                               \
		.first = a, .last = a, LINE(c, s, w), .reason = {text}, .source = from, \
		.rule = "standard " #condition " of " #a                                \
	}
/* For any component of a system; they stand first. */
#define IN(condition, a, c, s, w, text, from)                                         \
	{                                                                             \
		.last = UINT8_MAX, .system = a, LINE(c, s, w), .reason = WORDS(text), \
		.source = from, .rule = "standard " #condition " in system " #a       \
	}

#define STATE(bit) "GB/T 26875.3-2011, state of a component, bit " bit
#define OPERATION(bit) "GB/T 26875.3-2011, operation of a facility, bit " bit
#define SPRINKLERS "GB 50116-2013 4.2"
#define HYDRANTS "GB 50116-2013 4.3.1"
#define AGENTS "GB 50116-2013 4.4"
#define SMOKE_CONTROL "GB 50116-2013 4.5"
#define FIRE_DOORS "GB 50116-2013 4.6"
#define SOUNDERS "GB 50116-2013 4.8"
#define GAS_SYSTEMS "GB 50116-2013 8"
#define ELECTRICAL_SYSTEMS "GB 50116-2013 9"
#define RESIDUAL_CURRENT "GB/T 13955-2017"
#define ARCS "GB 14287.4-2014"
#define PANEL_SUPPLIES "GB 50116-2013 10"
#define SUPPLIES "GB 50016-2014 10.1"
#define ESCAPE_LIGHTS "GB 51309-2018 3.2.4"
#define PUMPS "GB 50974-2014 11.0.1"
#define PUMP_STARTS "GB 50974-2014 11.0.4"
#define TANKS "GB 50974-2014 11.0.7"
#define NFPA "NFPA 72 (2019) 23.8.5"
#define FIELD "field practice"

/* ---------------------------------------------------------------- fire and gas */

static const struct fw_line of_fire[] = {
    OF(FIRE, 1, FIRE, CRITICAL, DETECTOR, "the fire panel reports fire and names no detector",
	STATE("1")),
    FROM(FIRE, 10, 13, FIRE, CRITICAL, DETECTOR,
	"a combustible-gas detector reports fire: expect gas that burns or explodes", STATE("1")),
    FROM(FIRE, 16, 18, FIRE, CRITICAL, DETECTOR,
	"an electrical-fire monitor reports fire: power off before water", STATE("1")),
    OF(FIRE, 21, FIRE, CRITICAL, DETECTOR, "a detection loop reports fire and names no detector",
	STATE("1")),
    OF(FIRE, 23, FIRE, CRITICAL, STRONG, "a manual call point was pressed", STATE("1")),
    OF(FIRE, 24, FIRE, CRITICAL, STRONG, "a hydrant button was pressed: somebody takes water",
	HYDRANTS),
    FROM(FIRE, 30, 37, FIRE, CRITICAL, DETECTOR, "a heat detector reports fire: it burns already",
	STATE("1")),
    FROM(FIRE, 40, 44, FIRE, CRITICAL, DETECTOR, "a smoke detector reports fire", STATE("1")),
    FROM(FIRE, 50, 53, FIRE, CRITICAL, DETECTOR, "a combined detector reports fire", STATE("1")),
    FROM(FIRE, 61, 69, FIRE, CRITICAL, DETECTOR, "a flame detector reports fire: an open flame",
	STATE("1")),
    OF(FIRE, 74, FIRE, CRITICAL, DETECTOR, "a gas-sensing detector reports fire", STATE("1")),
    OF(FIRE, 78, FIRE, CRITICAL, DETECTOR, "a camera reports fire: look at its picture",
	STATE("1")),
    OF(FIRE, 81, FIRE, CRITICAL, DETECTOR,
	"a gas extinguishing controller reports fire: its agent may follow", AGENTS),
    FROM(FIRE, 84, 88, FIRE, CRITICAL, DETECTOR,
	"a module reports fire: what is wired to it has responded", STATE("1")),
    OF(FIRE, 96, FIRE, CRITICAL, STRONG, "a flow indicator reports fire: a sprinkler has opened",
	SPRINKLERS),
    FROM(FIRE, 98, 99, FIRE, CRITICAL, STRONG,
	"water flows behind an alarm valve: a sprinkler has opened", SPRINKLERS),
    FROM(FIRE, 82, 121, FIRE, CRITICAL, DETECTOR,
	"equipment that detects nothing reports fire: a fire flag is a fire", STATE("1")),
};

static const struct fw_line of_pre_alarm[] = {
    FROM(PRE_ALARM, 10, 13, PRE_ALARM, MAJOR, NONE,
	"gas below its alarm level: air the room, touch no switch", GAS_SYSTEMS),
    FROM(PRE_ALARM, 16, 17, PRE_ALARM, MAJOR, NONE, "residual current close to its set-point",
	ELECTRICAL_SYSTEMS),
    OF(PRE_ALARM, 18, PRE_ALARM, MAJOR, SUPPORTS, "a cable warms up towards its set-point",
	ELECTRICAL_SYSTEMS),
    OF(PRE_ALARM, 44, PRE_ALARM, MAJOR, SUPPORTS,
	"an aspirating detector smells smoke long before others: look now", FIELD),
    OF(PRE_ALARM, 74, PRE_ALARM, MAJOR, SUPPORTS,
	"gas below its alarm level: something smoulders or leaks", GAS_SYSTEMS),
};

static const struct fw_line of_gas[] = {
    IN(GAS, 13, GAS, CRITICAL, NONE,
	"gas, reported by a gas extinguishing system: its agent may be out, nobody goes in",
	AGENTS),
    FROM(GAS, 10, 11, GAS, CRITICAL, NONE,
	"a combustible-gas detector reports gas: touch no switch, air the room", GAS_SYSTEMS),
    OF(GAS, 12, GAS, CRITICAL, NONE,
	"a standalone gas detector reports gas: touch no switch, close the valve, open windows",
	GAS_SYSTEMS),
    OF(GAS, 13, GAS, CRITICAL, NONE, "a line gas detector reports gas along its whole path",
	GAS_SYSTEMS),
    OF(GAS, 74, GAS, CRITICAL, SUPPORTS,
	"a gas-sensing detector reports gas: a leak, or something smoulders", GAS_SYSTEMS),
    OF(GAS, 81, GAS, CRITICAL, NONE,
	"a gas extinguishing controller reports gas: its agent may be out, nobody goes in", AGENTS),
};

static const struct fw_line of_water_flow[] = {
    OF(WATER_FLOW, 24, FIRE, CRITICAL, STRONG, "water is taken from a hydrant", NFPA),
    OF(WATER_FLOW, 91, FIRE, CRITICAL, STRONG, "a fire pump delivers water: hydrants are open",
	NFPA),
    OF(WATER_FLOW, 95, FIRE, CRITICAL, STRONG,
	"a sprinkler pump delivers water: a sprinkler has opened", NFPA),
    OF(WATER_FLOW, 96, FIRE, CRITICAL, STRONG,
	"water flows past a flow indicator: a sprinkler has opened", NFPA),
    FROM(WATER_FLOW, 98, 99, FIRE, CRITICAL, STRONG,
	"water flows behind an alarm valve: a sprinkler has opened", NFPA),
};

static const struct fw_line of_manual_call[] = {
    OF(MANUAL_CALL, 1, FIRE, CRITICAL, STRONG, "the alarm was given by hand at the fire panel",
	OPERATION("2")),
    OF(MANUAL_CALL, 24, FIRE, CRITICAL, STRONG,
	"a hydrant button was pressed: somebody takes water", HYDRANTS),
    OF(MANUAL_CALL, 81, FIRE, CRITICAL, STRONG,
	"gas extinguishing was called for by hand: people out", AGENTS),
};

/* ---------------------------------------------------------------- what does not work */

static const struct fw_line of_fault[] = {
    IN(FAULT, 23, FAULT, MAJOR, NONE,
	"the power supply of fire equipment is faulty: pumps and fans may not start", SUPPLIES),
    OF(FAULT, 1, FAULT, MAJOR, NONE, "the fire panel is faulty: its whole site may be blind",
	STATE("2")),
    FROM(FAULT, 10, 13, FAULT, MINOR, NONE, "a gas detector is faulty: a leak there goes unseen",
	GAS_SYSTEMS),
    FROM(FAULT, 16, 18, FAULT, MINOR, NONE,
	"an electrical-fire detector is faulty: its circuit is not watched", ELECTRICAL_SYSTEMS),
    OF(FAULT, 21, FAULT, MAJOR, NONE,
	"a detection loop is faulty: all detectors on it may be blind", STATE("2")),
    OF(FAULT, 22, FAULT, MINOR, NONE,
	"a display panel is faulty: the fire panel still sees and sounds", STATE("2")),
    OF(FAULT, 23, FAULT, MINOR, NONE, "a manual call point is faulty: nobody can call from there",
	STATE("2")),
    OF(FAULT, 24, FAULT, MINOR, NONE,
	"a hydrant button is faulty: it neither calls nor starts the pump", HYDRANTS),
    FROM(FAULT, 34, 37, FAULT, MAJOR, NONE,
	"a line heat detector is faulty: its whole run is blind", STATE("2")),
    FROM(FAULT, 43, 44, FAULT, MAJOR, NONE,
	"the one detector of a large room is faulty: the room is blind", STATE("2")),
    FROM(FAULT, 25, 79, FAULT, MINOR, NONE, "one detector is faulty: its neighbours still watch",
	STATE("2")),
    OF(FAULT, 81, FAULT, MAJOR, NONE,
	"a gas extinguishing controller is faulty: its agent will not come, or comes unasked",
	AGENTS),
    OF(FAULT, 82, FAULT, MAJOR, NONE,
	"a control cabinet of fire equipment is faulty: what it drives may not start", PUMPS),
    OF(FAULT, 83, FAULT, MINOR, NONE,
	"a control-room display is faulty: the fire panel still sees and sounds", STATE("2")),
    FROM(FAULT, 84, 87, FAULT, MINOR, NONE,
	"a module is faulty: what is wired to it is neither seen nor driven", STATE("2")),
    OF(FAULT, 88, FAULT, MAJOR, NONE, "a relay module is faulty: all behind it is cut off",
	STATE("2")),
    OF(FAULT, 91, FAULT, MAJOR, NONE, "a fire pump is faulty: hydrants may have no pressure",
	PUMPS),
    OF(FAULT, 92, FAULT, MAJOR, NONE,
	"the fire water tank is faulty: water for the first minutes may be missing", TANKS),
    OF(FAULT, 95, FAULT, MAJOR, NONE, "a sprinkler pump is faulty: sprinklers may run dry", PUMPS),
    OF(FAULT, 96, FAULT, MINOR, NONE,
	"a flow indicator is faulty: nobody is told where a sprinkler opens", SPRINKLERS),
    OF(FAULT, 97, FAULT, MAJOR, NONE, "a signal valve is faulty: it may be shut and nobody sees it",
	SPRINKLERS),
    OF(FAULT, 98, FAULT, MAJOR, NONE, "an alarm valve is faulty: its sprinklers may have no water",
	SPRINKLERS),
    OF(FAULT, 99, FAULT, MAJOR, NONE,
	"a pressure switch is faulty: the pump may not start by itself", PUMP_STARTS),
    OF(FAULT, 101, FAULT, MAJOR, NONE,
	"a valve drive is faulty: the extinguishing agent may not be let out", AGENTS),
    OF(FAULT, 102, FAULT, MINOR, NONE, "a fire door is faulty: it may not close", FIRE_DOORS),
    OF(FAULT, 103, FAULT, MINOR, NONE, "a fire damper is faulty: fire may pass through the duct",
	SMOKE_CONTROL),
    OF(FAULT, 104, FAULT, WARNING, NONE, "ventilation is faulty: it is no fire equipment", FIELD),
    OF(FAULT, 105, FAULT, MAJOR, NONE, "a foam pump is faulty: there may be no foam", PUMPS),
    OF(FAULT, 106, FAULT, MAJOR, NONE, "a solenoid valve is faulty: its pipe may stay dry",
	SPRINKLERS),
    OF(FAULT, 111, FAULT, MAJOR, NONE,
	"a smoke control fan is faulty: escape routes may fill with smoke", SMOKE_CONTROL),
    FROM(FAULT, 113, 116, FAULT, MINOR, NONE,
	"a part of the smoke control is faulty: smoke may not be drawn off there", SMOKE_CONTROL),
    FROM(FAULT, 117, 118, FAULT, MINOR, NONE,
	"the control of a fire door or shutter is faulty: it may not close", FIRE_DOORS),
    OF(FAULT, 121, FAULT, MINOR, NONE, "a sounder is faulty: people near it may not be warned",
	SOUNDERS),
};

static const struct fw_line of_disabled[] = {
    IN(DISABLED, 23, DISABLED, MAJOR, NONE,
	"the power supply of fire equipment is disabled: pumps and fans will not start", SUPPLIES),
    OF(DISABLED, 1, DISABLED, MAJOR, NONE, "the fire panel is disabled: its whole site is blind",
	STATE("3")),
    FROM(DISABLED, 10, 13, DISABLED, MINOR, NONE,
	"a gas detector is disabled: a leak there goes unseen", GAS_SYSTEMS),
    FROM(DISABLED, 16, 18, DISABLED, MINOR, NONE,
	"an electrical-fire detector is disabled: its circuit is not watched", ELECTRICAL_SYSTEMS),
    OF(DISABLED, 21, DISABLED, MAJOR, NONE,
	"a detection loop is disabled: all detectors on it are blind", STATE("3")),
    OF(DISABLED, 23, DISABLED, MINOR, NONE,
	"a manual call point is disabled: nobody can call from there", STATE("3")),
    OF(DISABLED, 24, DISABLED, MINOR, NONE,
	"a hydrant button is disabled: it neither calls nor starts the pump", HYDRANTS),
    FROM(DISABLED, 34, 37, DISABLED, MAJOR, NONE,
	"a line heat detector is disabled: its whole run is blind", STATE("3")),
    FROM(DISABLED, 43, 44, DISABLED, MAJOR, NONE,
	"the one detector of a large room is disabled: the room is blind", STATE("3")),
    FROM(DISABLED, 25, 79, DISABLED, MINOR, NONE,
	"one detector is disabled: a fire there is seen by its neighbours, later", STATE("3")),
    OF(DISABLED, 81, DISABLED, MAJOR, NONE,
	"a gas extinguishing controller is disabled: its agent will not come", AGENTS),
    OF(DISABLED, 82, DISABLED, MAJOR, NONE,
	"a control cabinet of fire equipment is disabled: what it drives will not start", PUMPS),
    FROM(DISABLED, 84, 87, DISABLED, MINOR, NONE,
	"a module is disabled: what is wired to it is neither seen nor driven", STATE("3")),
    OF(DISABLED, 88, DISABLED, MAJOR, NONE, "a relay module is disabled: all behind it is cut off",
	STATE("3")),
    OF(DISABLED, 91, DISABLED, MAJOR, NONE,
	"a fire pump is disabled: hydrants will have no pressure", PUMPS),
    OF(DISABLED, 92, DISABLED, MAJOR, NONE,
	"the fire water tank is out of use: water for the first minutes is missing", TANKS),
    OF(DISABLED, 95, DISABLED, MAJOR, NONE, "a sprinkler pump is disabled: sprinklers will run dry",
	PUMPS),
    OF(DISABLED, 96, DISABLED, MINOR, NONE,
	"a flow indicator is disabled: nobody is told where a sprinkler opens", SPRINKLERS),
    OF(DISABLED, 97, DISABLED, MAJOR, NONE,
	"a signal valve is disabled: it may be shut and nobody sees it", SPRINKLERS),
    OF(DISABLED, 98, DISABLED, MAJOR, NONE,
	"an alarm valve is out of use: its sprinklers have no water", SPRINKLERS),
    OF(DISABLED, 99, DISABLED, MAJOR, NONE,
	"a pressure switch is disabled: the pump will not start by itself", PUMP_STARTS),
    OF(DISABLED, 101, DISABLED, MAJOR, NONE,
	"a valve drive is disabled: the extinguishing agent will not be let out", AGENTS),
    FROM(DISABLED, 102, 103, DISABLED, MINOR, NONE,
	"a fire door or damper is disabled: it will not close", FIRE_DOORS),
    OF(DISABLED, 104, DISABLED, WARNING, NONE, "ventilation is disabled: it is no fire equipment",
	FIELD),
    OF(DISABLED, 105, DISABLED, MAJOR, NONE, "a foam pump is disabled: there will be no foam",
	PUMPS),
    OF(DISABLED, 106, DISABLED, MAJOR, NONE, "a solenoid valve is disabled: its pipe stays dry",
	SPRINKLERS),
    OF(DISABLED, 111, DISABLED, MAJOR, NONE,
	"a smoke control fan is disabled: escape routes will fill with smoke", SMOKE_CONTROL),
    FROM(DISABLED, 113, 116, DISABLED, MINOR, NONE,
	"a part of the smoke control is disabled: smoke is not drawn off there", SMOKE_CONTROL),
    FROM(DISABLED, 117, 118, DISABLED, MINOR, NONE,
	"the control of a fire door or shutter is disabled: it will not close", FIRE_DOORS),
    OF(DISABLED, 121, DISABLED, MINOR, NONE, "a sounder is disabled: people near it are not warned",
	SOUNDERS),
};

static const struct fw_line of_supervisory[] = {
    IN(SUPERVISORY, 23, SUPERVISORY, MAJOR, NONE,
	"the power supply of fire equipment is not as it should be", SUPPLIES),
    OF(SUPERVISORY, 1, SUPERVISORY, MINOR, NONE,
	"the fire panel is not in automatic: it starts nothing by itself", STATE("4")),
    OF(SUPERVISORY, 81, SUPERVISORY, MAJOR, NONE,
	"a gas extinguishing controller is not in automatic: somebody must start it", AGENTS),
    OF(SUPERVISORY, 82, SUPERVISORY, MAJOR, NONE,
	"a control cabinet of fire equipment is not in automatic: it starts nothing by itself",
	PUMPS),
    OF(SUPERVISORY, 91, SUPERVISORY, MAJOR, NONE,
	"a fire pump is not in automatic: it will not start by itself", PUMPS),
    OF(SUPERVISORY, 92, SUPERVISORY, MAJOR, NONE,
	"the level of the fire water tank is wrong: water for the first minutes may be missing",
	TANKS),
    OF(SUPERVISORY, 95, SUPERVISORY, MAJOR, NONE,
	"a sprinkler pump is not in automatic: it will not start by itself", PUMPS),
    OF(SUPERVISORY, 97, SUPERVISORY, MAJOR, NONE,
	"a signal valve is not open: the sprinklers behind it have no water", SPRINKLERS),
    OF(SUPERVISORY, 98, SUPERVISORY, MAJOR, NONE,
	"an alarm valve is not ready: its sprinklers may have no water", SPRINKLERS),
    OF(SUPERVISORY, 99, SUPERVISORY, MAJOR, NONE,
	"the pressure of a pipe is wrong: sprinklers or hydrants may have no water", PUMP_STARTS),
    OF(SUPERVISORY, 101, SUPERVISORY, MAJOR, NONE,
	"a valve drive is not ready: the extinguishing agent may not be let out", AGENTS),
    FROM(SUPERVISORY, 102, 103, SUPERVISORY, MINOR, NONE,
	"a fire door or damper is not where it should be: smoke passes", FIRE_DOORS),
    OF(SUPERVISORY, 105, SUPERVISORY, MAJOR, NONE,
	"a foam pump is not in automatic: it will not start by itself", PUMPS),
    OF(SUPERVISORY, 106, SUPERVISORY, MAJOR, NONE,
	"a solenoid valve is not where it should be: its pipe may stay dry", SPRINKLERS),
    OF(SUPERVISORY, 111, SUPERVISORY, MAJOR, NONE,
	"a smoke control fan is not in automatic: it will not start by itself", SMOKE_CONTROL),
    FROM(SUPERVISORY, 113, 116, SUPERVISORY, MINOR, NONE,
	"a part of the smoke control is not where it should be", SMOKE_CONTROL),
    FROM(SUPERVISORY, 117, 118, SUPERVISORY, MINOR, NONE,
	"a fire door or shutter is held open: smoke passes", FIRE_DOORS),
};

/* ---------------------------------------------------------------- what was started */

static const struct fw_line of_activated[] = {
    OF(ACTIVATED, 1, SUPERVISORY, MINOR, SUPPORTS, "the fire panel has started what it drives",
	STATE("5")),
    FROM(ACTIVATED, 10, 13, SUPERVISORY, MINOR, NONE, "a gas detector has started its valve or fan",
	GAS_SYSTEMS),
    FROM(ACTIVATED, 16, 18, SUPERVISORY, MINOR, NONE,
	"an electrical-fire monitor has switched its output", ELECTRICAL_SYSTEMS),
    OF(ACTIVATED, 23, FIRE, CRITICAL, STRONG, "a manual call point was pressed", NFPA),
    OF(ACTIVATED, 24, FIRE, CRITICAL, STRONG, "a hydrant button was pressed: somebody takes water",
	HYDRANTS),
    FROM(ACTIVATED, 25, 79, SUPERVISORY, MAJOR, SUPPORTS,
	"a detector has responded and does not say fire: look at it", FIELD),
    OF(ACTIVATED, 81, FIRE, CRITICAL, DETECTOR,
	"gas extinguishing was started: two detectors or a hand, people out", AGENTS),
    OF(ACTIVATED, 82, SUPERVISORY, MINOR, SUPPORTS, "a control cabinet has started what it drives",
	STATE("5")),
    OF(ACTIVATED, 85, SUPERVISORY, MINOR, SUPPORTS,
	"an input module: what is wired to it has responded", STATE("5")),
    FROM(ACTIVATED, 84, 88, SUPERVISORY, MINOR, SUPPORTS,
	"a module has started what is wired to it", STATE("5")),
    OF(ACTIVATED, 91, SUPERVISORY, MAJOR, SUPPORTS,
	"a fire pump was started: a fire, a test, or water that is lost", PUMP_STARTS),
    OF(ACTIVATED, 95, SUPERVISORY, MAJOR, SUPPORTS,
	"a sprinkler pump was started: a fire, a test, or water that is lost", PUMP_STARTS),
    OF(ACTIVATED, 96, FIRE, CRITICAL, STRONG,
	"a flow indicator has responded: a sprinkler has opened", SPRINKLERS),
    OF(ACTIVATED, 97, SUPERVISORY, MAJOR, NONE,
	"a signal valve has moved: shut, the sprinklers behind it have no water", SPRINKLERS),
    OF(ACTIVATED, 98, FIRE, CRITICAL, DETECTOR,
	"an alarm valve has opened: water flows to the sprinklers", SPRINKLERS),
    OF(ACTIVATED, 99, FIRE, CRITICAL, STRONG,
	"a pressure switch has responded: water flows behind the alarm valve", SPRINKLERS),
    OF(ACTIVATED, 101, FIRE, CRITICAL, DETECTOR,
	"a valve drive has opened its cylinder: the extinguishing agent is out", AGENTS),
    FROM(ACTIVATED, 102, 103, SUPERVISORY, MINOR, SUPPORTS, "a fire door or damper was closed",
	FIRE_DOORS),
    OF(ACTIVATED, 105, SUPERVISORY, MAJOR, SUPPORTS, "a foam pump was started", PUMP_STARTS),
    OF(ACTIVATED, 106, SUPERVISORY, MAJOR, SUPPORTS,
	"a solenoid valve was opened: its pipe fills with water", SPRINKLERS),
    FROM(ACTIVATED, 111, 116, SUPERVISORY, MINOR, SUPPORTS, "smoke control was started",
	SMOKE_CONTROL),
    FROM(ACTIVATED, 117, 118, SUPERVISORY, MINOR, SUPPORTS, "a fire door or shutter was closed",
	FIRE_DOORS),
    OF(ACTIVATED, 121, SUPERVISORY, MINOR, SUPPORTS,
	"a sounder was started: people in the building are warned", SOUNDERS),
};

static const struct fw_line of_feedback[] = {
    FROM(FEEDBACK, 10, 13, SUPERVISORY, MINOR, NONE,
	"the valve or fan of a gas detector has answered", GAS_SYSTEMS),
    FROM(FEEDBACK, 16, 18, SUPERVISORY, MINOR, NONE,
	"an electrical-fire monitor: its circuit was cut off", ELECTRICAL_SYSTEMS),
    OF(FEEDBACK, 23, FIRE, CRITICAL, STRONG, "a manual call point was pressed", NFPA),
    OF(FEEDBACK, 24, FIRE, CRITICAL, STRONG, "a hydrant button was pressed: somebody takes water",
	HYDRANTS),
    OF(FEEDBACK, 81, FIRE, CRITICAL, DETECTOR,
	"a gas extinguishing controller: its agent was let out, nobody goes in", AGENTS),
    OF(FEEDBACK, 85, SUPERVISORY, MINOR, SUPPORTS,
	"an input module: what is wired to it has responded", STATE("6")),
    OF(FEEDBACK, 91, SUPERVISORY, MAJOR, SUPPORTS,
	"a fire pump runs: a fire, a test, or water that is lost", PUMP_STARTS),
    OF(FEEDBACK, 95, SUPERVISORY, MAJOR, SUPPORTS,
	"a sprinkler pump runs: a fire, a test, or water that is lost", PUMP_STARTS),
    OF(FEEDBACK, 96, FIRE, CRITICAL, STRONG,
	"a flow indicator has responded: a sprinkler has opened", SPRINKLERS),
    OF(FEEDBACK, 97, SUPERVISORY, MAJOR, NONE,
	"a signal valve has moved: shut, the sprinklers behind it have no water", SPRINKLERS),
    OF(FEEDBACK, 98, FIRE, CRITICAL, DETECTOR,
	"an alarm valve has opened: water flows to the sprinklers", SPRINKLERS),
    OF(FEEDBACK, 99, FIRE, CRITICAL, STRONG,
	"a pressure switch has responded: water flows behind the alarm valve", SPRINKLERS),
    OF(FEEDBACK, 101, FIRE, CRITICAL, DETECTOR,
	"a valve drive has opened its cylinder: the extinguishing agent is out", AGENTS),
    FROM(FEEDBACK, 102, 103, SUPERVISORY, MINOR, SUPPORTS,
	"a fire door or damper is closed, a damper by its fuse when it is hot", FIRE_DOORS),
    OF(FEEDBACK, 105, SUPERVISORY, MAJOR, SUPPORTS, "a foam pump runs", PUMP_STARTS),
    OF(FEEDBACK, 106, SUPERVISORY, MAJOR, SUPPORTS,
	"a solenoid valve is open: its pipe fills with water", SPRINKLERS),
    OF(FEEDBACK, 113, SUPERVISORY, MAJOR, SUPPORTS,
	"a smoke exhaust damper has moved: closed by its fuse it is very hot there", SMOKE_CONTROL),
    FROM(FEEDBACK, 111, 116, SUPERVISORY, MINOR, SUPPORTS, "smoke control works", SMOKE_CONTROL),
    FROM(FEEDBACK, 117, 118, SUPERVISORY, MINOR, SUPPORTS, "a fire door or shutter is closed",
	FIRE_DOORS),
    OF(FEEDBACK, 121, SUPERVISORY, MINOR, SUPPORTS,
	"a sounder sounds: people in the building are warned", SOUNDERS),
};

static const struct fw_line of_delayed[] = {
    OF(DELAYED, 1, SUPERVISORY, MINOR, SUPPORTS,
	"the fire panel waits before it starts what it drives: somebody looks first", STATE("7")),
    FROM(DELAYED, 25, 79, SUPERVISORY, MAJOR, SUPPORTS,
	"a detector waits to be sure before it says fire: look at it", FIELD),
    OF(DELAYED, 81, FIRE, CRITICAL, DETECTOR,
	"gas extinguishing counts down: two detectors or a hand, people out", AGENTS),
    OF(DELAYED, 91, SUPERVISORY, MINOR, SUPPORTS, "a fire pump is about to start", PUMP_STARTS),
    OF(DELAYED, 95, SUPERVISORY, MINOR, SUPPORTS, "a sprinkler pump is about to start",
	PUMP_STARTS),
};

/* ---------------------------------------------------------------- supplies, and what is left */

static const struct fw_line of_mains_lost[] = {
    IN(MAINS_LOST, 22, POWER, MINOR, NONE,
	"escape lights run on their batteries: they last half an hour, some longer", ESCAPE_LIGHTS),
    IN(MAINS_LOST, 23, POWER, MAJOR, NONE,
	"the power supply of fire equipment has lost its mains: pumps and fans may not start",
	SUPPLIES),
    OF(MAINS_LOST, 1, POWER, MINOR, NONE, "the fire panel runs on its battery", PANEL_SUPPLIES),
    OF(MAINS_LOST, 81, POWER, MINOR, NONE, "a gas extinguishing controller runs on its battery",
	PANEL_SUPPLIES),
    OF(MAINS_LOST, 82, POWER, MAJOR, NONE,
	"a control cabinet of fire equipment has no mains: what it drives will not start",
	SUPPLIES),
    OF(MAINS_LOST, 91, POWER, MAJOR, NONE, "a fire pump has no mains: it will not start", SUPPLIES),
    OF(MAINS_LOST, 95, POWER, MAJOR, NONE, "a sprinkler pump has no mains: it will not start",
	SUPPLIES),
    OF(MAINS_LOST, 105, POWER, MAJOR, NONE, "a foam pump has no mains: it will not start",
	SUPPLIES),
    OF(MAINS_LOST, 111, POWER, MAJOR, NONE, "a smoke control fan has no mains: it will not start",
	SUPPLIES),
};

static const struct fw_line of_battery_low[] = {
    IN(BATTERY_LOW, 22, POWER, MINOR, NONE,
	"escape lights have weak batteries: dark when the mains fail", ESCAPE_LIGHTS),
    IN(BATTERY_LOW, 23, POWER, MAJOR, NONE,
	"the reserve of the power supply of fire equipment is low", SUPPLIES),
    OF(BATTERY_LOW, 1, POWER, MINOR, NONE,
	"the fire panel's battery is low: blind when the mains fail", PANEL_SUPPLIES),
    FROM(BATTERY_LOW, 10, 13, POWER, WARNING, NONE,
	"a gas detector's battery is low: change it before it falls silent", FIELD),
    FROM(BATTERY_LOW, 25, 79, POWER, WARNING, NONE,
	"a detector's battery is low: change it before it falls silent", FIELD),
    OF(BATTERY_LOW, 81, POWER, MINOR, NONE,
	"a gas extinguishing controller's battery is low: its agent will not come when the mains fail",
	PANEL_SUPPLIES),
};

static const struct fw_line of_tamper[] = {
    OF(TAMPER, 1, TAMPER, MINOR, NONE, "the fire panel was opened", FIELD),
    OF(TAMPER, 81, TAMPER, MAJOR, NONE,
	"a gas extinguishing controller was opened: people out while somebody works at it", AGENTS),
    OF(TAMPER, 82, TAMPER, MINOR, NONE,
	"a control cabinet of fire equipment was opened: see that it is in automatic again", PUMPS),
    OF(TAMPER, 91, TAMPER, MINOR, NONE,
	"somebody was at a fire pump: see that it is in automatic again", PUMPS),
    OF(TAMPER, 95, TAMPER, MINOR, NONE,
	"somebody was at a sprinkler pump: see that it is in automatic again", PUMPS),
    FROM(TAMPER, 97, 98, TAMPER, MAJOR, NONE,
	"somebody was at a valve of the sprinklers: see that it is open", SPRINKLERS),
    OF(TAMPER, 101, TAMPER, MAJOR, NONE,
	"somebody was at a valve drive: people out, the agent may come unasked", AGENTS),
};

static const struct fw_line of_tripped[] = {
    IN(TRIPPED, 23, ELECTRICAL, MAJOR, NONE,
	"the power supply of fire equipment has tripped: pumps and fans will not start", SUPPLIES),
    FROM(TRIPPED, 16, 17, ELECTRICAL, MAJOR, NONE,
	"residual current cut a circuit off: look for the leak before it is switched on again",
	ELECTRICAL_SYSTEMS),
    OF(TRIPPED, 18, ELECTRICAL, MAJOR, SUPPORTS,
	"a hot cable was cut off: feel for heat before it is switched on again",
	ELECTRICAL_SYSTEMS),
    OF(TRIPPED, 82, ELECTRICAL, MAJOR, NONE,
	"a control cabinet of fire equipment has tripped: what it drives will not start", SUPPLIES),
    OF(TRIPPED, 91, ELECTRICAL, MAJOR, NONE, "a fire pump has tripped: it will not start",
	SUPPLIES),
    OF(TRIPPED, 95, ELECTRICAL, MAJOR, NONE, "a sprinkler pump has tripped: it will not start",
	SUPPLIES),
    OF(TRIPPED, 105, ELECTRICAL, MAJOR, NONE, "a foam pump has tripped: it will not start",
	SUPPLIES),
    OF(TRIPPED, 111, ELECTRICAL, MAJOR, NONE, "a smoke control fan has tripped: it will not start",
	SUPPLIES),
};

static const struct fw_line of_muted[] = {
    OF(MUTED, 1, SUPERVISORY, MINOR, NONE, "the fire panel was silenced: somebody is there",
	OPERATION("1")),
    OF(MUTED, 121, SUPERVISORY, MAJOR, NONE,
	"the building's sounders were silenced: people inside hear nothing", SOUNDERS),
};

static const struct fw_line of_arc_fault[] = {
    FROM(ARC_FAULT, 16, 18, ELECTRICAL, MAJOR, SUPPORTS,
	"an arc in the wiring: a fire may follow, cut the circuit off", ARCS),
};

static const struct fw_line of_reset[] = {
    OF(RESET, 1, TEST, INDETERMINATE, NONE,
	"the fire panel was reset: all that it had reported is over until it says so again",
	OPERATION("0")),
};

static const struct fw_line of_self_test[] = {
    OF(SELF_TEST, 91, TEST, INDETERMINATE, NONE,
	"a fire pump is run as a test: its water may be seen as flow", FIELD),
    OF(SELF_TEST, 95, TEST, INDETERMINATE, NONE,
	"a sprinkler pump is run as a test: its water may be seen as flow", FIELD),
};

/* ---------------------------------------------------------------- condition by condition */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EXCEPT(lines) .exceptions = (lines), .count = COUNT(lines)
#define BASE(condition, c, s, w, text, from) \
	.base = {ANY, 0, LINE(c, s, w), WORDS(text), from, "standard " #condition}

const struct fw_lines fw_lines[] = {
    [FW_CONDITION_FIRE] = {EXCEPT(of_fire),
	BASE(FIRE, FIRE, CRITICAL, DETECTOR, "a detector reports fire", STATE("1"))},
    [FW_CONDITION_PRE_ALARM] = {EXCEPT(of_pre_alarm),
	BASE(PRE_ALARM, PRE_ALARM, MAJOR, SUPPORTS, "a detector reports a pre-alarm", FIELD)},
    [FW_CONDITION_GAS] = {EXCEPT(of_gas),
	BASE(GAS, GAS, CRITICAL, NONE, "a detector reports combustible gas", GAS_SYSTEMS)},
    [FW_CONDITION_FAULT] = {EXCEPT(of_fault),
	BASE(FAULT, FAULT, MINOR, NONE, "reported as faulty", STATE("2"))},
    [FW_CONDITION_DISABLED] = {EXCEPT(of_disabled),
	BASE(DISABLED, DISABLED, MINOR, NONE, "reported as disabled", STATE("3"))},
    [FW_CONDITION_SUPERVISORY] = {EXCEPT(of_supervisory),
	BASE(SUPERVISORY, SUPERVISORY, MINOR, NONE, "supervisory signal", STATE("4"))},
    [FW_CONDITION_ACTIVATED] = {EXCEPT(of_activated),
	BASE(ACTIVATED, SUPERVISORY, MINOR, NONE, "equipment was started", STATE("5"))},
    [FW_CONDITION_FEEDBACK] = {EXCEPT(of_feedback),
	BASE(FEEDBACK, SUPERVISORY, MINOR, NONE, "equipment reports that it runs", STATE("6"))},
    [FW_CONDITION_DELAYED] = {EXCEPT(of_delayed),
	BASE(DELAYED, SUPERVISORY, MINOR, NONE, "an output is in its delay", STATE("7"))},
    [FW_CONDITION_MAINS_LOST] = {EXCEPT(of_mains_lost),
	BASE(MAINS_LOST, POWER, WARNING, NONE, "mains supply lost", STATE("8"))},
    [FW_CONDITION_BATTERY_LOW] = {EXCEPT(of_battery_low),
	BASE(BATTERY_LOW, POWER, WARNING, NONE, "battery low",
	    "GB/T 26875.3-2011, state of a system, bit 9")},
    [FW_CONDITION_TAMPER] = {EXCEPT(of_tamper),
	BASE(TAMPER, TAMPER, WARNING, NONE, "taken off its base or opened", FIELD)},
    [FW_CONDITION_TRIPPED] = {EXCEPT(of_tripped),
	BASE(TRIPPED, ELECTRICAL, MAJOR, NONE, "residual-current protection tripped",
	    RESIDUAL_CURRENT)},
    [FW_CONDITION_WATER_FLOW] = {EXCEPT(of_water_flow),
	BASE(WATER_FLOW, FIRE, CRITICAL, STRONG, "water flows in a sprinkler pipe", NFPA)},
    [FW_CONDITION_MANUAL_CALL] = {EXCEPT(of_manual_call),
	BASE(MANUAL_CALL, FIRE, CRITICAL, STRONG, "a manual call point was pressed", NFPA)},
    [FW_CONDITION_RESET] = {FW_MEANING_RESET, EXCEPT(of_reset),
	BASE(RESET, TEST, INDETERMINATE, NONE, "the device was reset", OPERATION("0"))},
    [FW_CONDITION_SELF_TEST] = {EXCEPT(of_self_test),
	BASE(SELF_TEST, TEST, INDETERMINATE, NONE, "the device tests itself", OPERATION("4"))},
    [FW_CONDITION_MUTED] = {EXCEPT(of_muted),
	BASE(MUTED, SUPERVISORY, MINOR, NONE, "its sounder was silenced", OPERATION("1"))},
    [FW_CONDITION_ARC_FAULT] = {EXCEPT(of_arc_fault),
	BASE(ARC_FAULT, ELECTRICAL, MAJOR, SUPPORTS, "arc fault", ARCS)},
};

_Static_assert(COUNT(fw_lines) == FW_CONDITIONS, "a condition has no line");

/* ---------------------------------------------------------------- at a raised protection level */

#define RAISED "protection level: pre_alarm_as_alarm of levels.csv"

static const struct fw_line of_raised[] = {
    FROM(PRE_ALARM at a raised level, 10, 13, GAS, CRITICAL, NONE,
	"pre-alarm of a gas detector, taken for gas at the raised protection level", RAISED),
    FROM(PRE_ALARM at a raised level, 16, 18, ELECTRICAL, MAJOR, SUPPORTS,
	"pre-alarm of an electrical-fire detector, taken for an alarm at the raised protection level",
	RAISED),
    OF(PRE_ALARM at a raised level, 74, GAS, CRITICAL, SUPPORTS,
	"pre-alarm of a gas-sensing detector, taken for gas at the raised protection level",
	RAISED),
};

const struct fw_lines fw_lines_raised = {
    EXCEPT(of_raised), BASE(PRE_ALARM at a raised level, FIRE, CRITICAL, DETECTOR,
			   "pre-alarm, taken for a fire at the raised protection level", RAISED)};
