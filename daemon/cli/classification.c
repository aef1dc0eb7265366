/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every condition means, asked of the core itself for each type of component; then what is
 * otherwise in a system and at a raised protection level.  The standard's outcome, without the
 * town's rows: it needs no database.
 */
#include <stdio.h>

#include "cli/db.h"
#include "cli/rows.h"
#include "cli/run.h"
#include "cli/writer.h"
#include "core/classify.h"
#include "model/standard.h"

#define SHOWN \
	"condition component_type component system_type level class severity weight source reason"

enum {
	CONDITION,
	COMPONENT_TYPE,
	COMPONENT,
	COMPONENT_ZH,
	SYSTEM_TYPE,
	SYSTEM,
	LEVEL,
	MEANING,
	CLASS,
	SEVERITY,
	WEIGHT,
	REASON,
	SOURCE,
	RULE,
	COLUMNS,
};

static const struct fw_column columns[COLUMNS] = {
    [CONDITION] = {"condition", FW_DB_TEXT},
    [COMPONENT_TYPE] = {"component_type", FW_DB_TEXT},
    [COMPONENT] = {"component", FW_DB_TEXT},
    [COMPONENT_ZH] = {"component_zh", FW_DB_TEXT},
    [SYSTEM_TYPE] = {"system_type", FW_DB_BIGINT},
    [SYSTEM] = {"system", FW_DB_TEXT},
    [LEVEL] = {"level", FW_DB_TEXT},
    [MEANING] = {"meaning", FW_DB_TEXT},
    [CLASS] = {"class", FW_DB_TEXT},
    [SEVERITY] = {"severity", FW_DB_TEXT},
    [WEIGHT] = {"weight", FW_DB_TEXT},
    [REASON] = {"reason", FW_DB_TEXT},
    [SOURCE] = {"source", FW_DB_TEXT},
    [RULE] = {"rule", FW_DB_TEXT},
};

/* Types of components with one outcome: of `condition`, in a system and at a level. */
struct span {
	uint32_t condition, system, first, last;
	bool raised;
};

static struct fw_judgement
judge(const struct span *s, uint32_t component)
{
	const struct fw_level level = {.name = "", .pre_alarm_is_alarm = s->raised};

	return fw_classify(&(struct fw_subject){.condition = s->condition,
	    .system_type = s->system,
	    .component_type = component,
	    .level = &level});
}

static void
put_component(PGresult *rows, int row, const struct span *s)
{
	char types[16];
	bool one_name = s->first == s->last || fw_component_code(s->first) != FW_CODE_NAMED;

	snprintf(types, sizeof(types), s->first == s->last ? "%u" : "%u-%u", s->first, s->last);
	fw_rows_set(rows, row, COMPONENT_TYPE, types);
	fw_rows_set(rows, row, COMPONENT, one_name ? fw_component_name(s->first) : NULL);
	fw_rows_set(rows, row, COMPONENT_ZH, one_name ? fw_component_name_zh(s->first) : NULL);
}

static void
put(PGresult *rows, const struct span *s)
{
	struct fw_judgement j = judge(s, s->first);
	int row = PQntuples(rows);
	char system[16];

	snprintf(system, sizeof(system), "%u", s->system);
	fw_rows_set(rows, row, CONDITION, fw_condition_name(s->condition));
	put_component(rows, row, s);
	fw_rows_set(rows, row, SYSTEM_TYPE, s->system ? system : NULL);
	fw_rows_set(rows, row, SYSTEM, s->system ? fw_system_name(s->system) : NULL);
	fw_rows_set(rows, row, LEVEL, s->raised ? "raised" : NULL);
	fw_rows_set(rows, row, MEANING, j.meaning == FW_MEANING_RESET ? "reset" : "alarm");
	fw_rows_set(rows, row, CLASS, fw_class_name(j.class));
	fw_rows_set(rows, row, SEVERITY, fw_severity_name(j.severity));
	fw_rows_set(rows, row, WEIGHT, fw_weight_name(j.weight));
	fw_rows_set(rows, row, REASON, j.reason);
	fw_rows_set(rows, row, SOURCE, j.source);
	fw_rows_set(rows, row, RULE, j.rule);
}

/* Every type has its line, but types without a name that stand together have one together. */
static void
put_every_component(PGresult *rows, uint32_t condition)
{
	struct span s = {.condition = condition};

	for (; s.first < FW_STANDARD_CODES; s.first = s.last + 1) {
		enum fw_code code = fw_component_code(s.first);

		s.last = s.first;
		while (code != FW_CODE_NAMED && fw_component_code(s.last + 1) == code)
			s.last++;
		put(rows, &s);
	}
}

/* What is otherwise in this system, or at this level. */
static void
put_differences(PGresult *rows, struct span s)
{
	const struct span plain = {.condition = s.condition};

	for (s.first = 0; s.first < FW_STANDARD_CODES; s.first = s.last + 1) {
		const char *reason = judge(&s, s.first).reason;

		s.last = s.first;
		while (s.last + 1 < FW_STANDARD_CODES && judge(&s, s.last + 1).reason == reason)
			s.last++;
		if (reason != judge(&plain, s.first).reason)
			put(rows, &s);
	}
}

enum fw_exit
fw_run_classification(const struct fw_request *r)
{
	const struct fw_writer *writer = fw_writer_find(r->options[FW_OPTION_OUTPUT]);
	PGresult *rows;

	if (!writer)
		return FW_EXIT_USAGE;
	rows = fw_rows_new(columns, COLUMNS);
	for (uint32_t c = FW_CONDITION_UNSPECIFIED + 1; c < FW_CONDITIONS; c++) {
		put_every_component(rows, c);
		put_differences(rows, (struct span){.condition = c, .raised = true});
		for (uint32_t system = 1; system < FW_STANDARD_CODES; system++)
			put_differences(rows, (struct span){.condition = c, .system = system});
	}
	writer->list(stdout, &(struct fw_part){.name = r->command, .shown = SHOWN, .rows = rows});
	fflush(stdout);
	PQclear(rows);
	return FW_EXIT_DONE;
}
