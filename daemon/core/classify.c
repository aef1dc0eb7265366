/* SPDX-License-Identifier: Apache-2.0 */
/* How the table of conditions (classify_table.c) and the town's rows are applied; see classify.h.
 */
#include "core/classify.h"

#include <assert.h>

#include "core/classify_table.h"
#include "model/standard.h"

static bool
fits(const struct fw_line *line, const struct fw_subject *s, enum fw_code code)
{
	if (line->system)
		return line->system == s->system_type;
	return code == FW_CODE_NAMED && s->component_type >= line->first &&
	       s->component_type <= line->last;
}

/* A system's line stands before those of components and gives way to one that is as serious. */
static const struct fw_line *
find(const struct fw_lines *lines, const struct fw_subject *s, enum fw_code code)
{
	const struct fw_line *found = NULL;

	for (size_t i = 0; i < lines->count; i++) {
		const struct fw_line *line = &lines->exceptions[i];

		if ((!found || (found->system && line->severity <= found->severity)) &&
		    fits(line, s, code))
			found = line;
	}
	return found ? found : &lines->base;
}

/* As the standard has it. */
static struct fw_judgement
judge(const struct fw_lines *lines, const struct fw_subject *s)
{
	enum fw_code code = fw_component_code(s->component_type);
	const struct fw_line *line = find(lines, s, code);

	return (struct fw_judgement){
	    .meaning = lines->meaning,
	    .class = line->class,
	    .severity = line->severity,
	    .weight = line->weight,
	    .reason = line->reason[code],
	    .source = line->source,
	    .rule = line->rule,
	};
}

bool
fw_classify_allows(uint32_t condition, enum fw_class class)
{
	enum fw_class base;

	assert(condition > FW_CONDITION_UNSPECIFIED && condition < FW_CONDITIONS);
	base = fw_lines[condition].base.class;
	return !fw_class_is_emergency(base) || class == base;
}

static bool
is_for(int32_t wanted, uint32_t type)
{
	return wanted == FW_ANY || (wanted >= 0 && (uint32_t)wanted == type);
}

static const struct fw_override *
find_override(const struct fw_subject *s)
{
	for (uint32_t i = 0; s->profile && i < s->profile->override_count; i++) {
		const struct fw_override *o = s->profile->overrides[i];

		if (o->condition == s->condition && is_for(o->component_type, s->component_type) &&
		    is_for(o->system_type, s->system_type) &&
		    fw_classify_allows(o->condition, o->class))
			return o;
	}
	return NULL;
}

/* What the town makes a fire is worth a detector; what it makes anything else speaks for no fire.
 */
static enum fw_weight
weigh(const struct fw_judgement *j, enum fw_class class)
{
	if (class == FW_CLASS_FIRE)
		return j->weight > FW_WEIGHT_DETECTOR ? j->weight : FW_WEIGHT_DETECTOR;
	return class == j->class ? j->weight : FW_WEIGHT_NONE;
}

/* No fire and no gas is less than critical, whatever a row says. */
static void
override(struct fw_judgement *j, const struct fw_override *o)
{
	j->weight = weigh(j, o->class);
	j->class = o->class;
	j->severity = fw_class_is_emergency(o->class) ? fw_class_severity(o->class) : o->severity;
	if (o->reason && *o->reason)
		j->reason = o->reason;
	j->source = "the town's classification.csv";
	j->rule = "town";
}

struct fw_judgement
fw_classify(const struct fw_subject *s)
{
	const struct fw_override *o;
	struct fw_judgement j;

	assert(s->condition > FW_CONDITION_UNSPECIFIED && s->condition < FW_CONDITIONS);
	o = find_override(s);
	j = judge(&fw_lines[s->condition], s);
	if (o)
		override(&j, o);
	if (j.class == FW_CLASS_PRE_ALARM && s->level && s->level->pre_alarm_is_alarm)
		j = judge(&fw_lines_raised, s);
	return j;
}
