/* SPDX-License-Identifier: Apache-2.0 */
/* One table: condition -> class and the rule in words. */
#include "core/classify.h"

#include <assert.h>

/* Sources: the conditions are those of GB/T 26875.3-2011 table 7 (component state) as design.md
   carries them over; water flow and manual call points are fire signals as in NFPA 72
   (2019) 23.8.5. */
static const struct {
	enum fw_meaning meaning;
	enum fw_class class;
	const char *reason;
} table[FW_CONDITIONS] = {
    [FW_CONDITION_FIRE] = {FW_MEANING_ALARM, FW_CLASS_FIRE, "a detector reports fire"},
    [FW_CONDITION_PRE_ALARM] = {FW_MEANING_ALARM, FW_CLASS_PRE_ALARM,
	"a detector reports a pre-alarm"},
    [FW_CONDITION_GAS] = {FW_MEANING_ALARM, FW_CLASS_GAS, "a detector reports combustible gas"},
    [FW_CONDITION_FAULT] = {FW_MEANING_ALARM, FW_CLASS_FAULT, "reported as faulty"},
    [FW_CONDITION_DISABLED] = {FW_MEANING_ALARM, FW_CLASS_DISABLED, "reported as disabled"},
    [FW_CONDITION_SUPERVISORY] = {FW_MEANING_ALARM, FW_CLASS_SUPERVISORY, "supervisory signal"},
    [FW_CONDITION_ACTIVATED] = {FW_MEANING_ALARM, FW_CLASS_SUPERVISORY, "equipment was started"},
    [FW_CONDITION_FEEDBACK] = {FW_MEANING_ALARM, FW_CLASS_SUPERVISORY,
	"equipment reports that it runs"},
    [FW_CONDITION_DELAYED] = {FW_MEANING_ALARM, FW_CLASS_SUPERVISORY, "an output is in its delay"},
    [FW_CONDITION_MAINS_LOST] = {FW_MEANING_ALARM, FW_CLASS_POWER, "mains supply lost"},
    [FW_CONDITION_BATTERY_LOW] = {FW_MEANING_ALARM, FW_CLASS_POWER, "battery low"},
    [FW_CONDITION_TAMPER] = {FW_MEANING_ALARM, FW_CLASS_TAMPER, "taken off its base or opened"},
    [FW_CONDITION_TRIPPED] = {FW_MEANING_ALARM, FW_CLASS_ELECTRICAL,
	"residual-current protection tripped"},
    [FW_CONDITION_WATER_FLOW] = {FW_MEANING_ALARM, FW_CLASS_FIRE,
	"water flows in a sprinkler pipe"},
    [FW_CONDITION_MANUAL_CALL] = {FW_MEANING_ALARM, FW_CLASS_FIRE,
	"a manual call point was pressed"},
    [FW_CONDITION_RESET] = {FW_MEANING_RESET, FW_CLASS_TEST, "the device was reset"},
    [FW_CONDITION_SELF_TEST] = {FW_MEANING_ALARM, FW_CLASS_TEST, "the device tests itself"},
    [FW_CONDITION_MUTED] = {FW_MEANING_ALARM, FW_CLASS_SUPERVISORY, "its sounder was silenced"},
    [FW_CONDITION_ARC_FAULT] = {FW_MEANING_ALARM, FW_CLASS_ELECTRICAL, "arc fault"},
};

struct fw_judgement
fw_classify(const struct fw_subject *s)
{
	uint32_t c = s->condition;

	assert(c > FW_CONDITION_UNSPECIFIED && c < FW_CONDITIONS);
	return (struct fw_judgement){
	    .meaning = table[c].meaning,
	    .class = table[c].class,
	    .severity = fw_class_severity(table[c].class),
	    .weight = c == FW_CONDITION_MANUAL_CALL || c == FW_CONDITION_WATER_FLOW
			  ? FW_WEIGHT_STRONG
		      : table[c].class == FW_CLASS_FIRE ? FW_WEIGHT_DETECTOR
							: FW_WEIGHT_NONE,
	    .reason = table[c].reason,
	    .source = "",
	    .rule = "standard",
	};
}
