/* SPDX-License-Identifier: Apache-2.0 */
/* The questions that find what is wrong between records, and between them and the database; see
 * town_sql.h. */
#include "base/text.h"
#include "cli/town_sql.h"
#include "model/town.h"

/* Deeper than the daemon follows parents upward (model/town.c) is a fault, too. */
#define LEVELS_MOST FW_TEXT_OF(FW_UPWARD_MOST)

#define QUESTION(found)                                          \
	"SELECT line, name, what, count(*) OVER () FROM (" found \
	") AS found (line, name, what) ORDER BY line LIMIT 100"

#define GIVEN_TWICE(staged, key, name, what)                                                     \
	QUESTION(                                                                                \
	    "SELECT line, '" name "', " what " || ' is on line ' || first || ' already'"         \
	    " FROM (SELECT *, min(line) OVER (PARTITION BY " key ") AS first FROM " staged ") s" \
	    " WHERE line > first AND ROW(" key ") IS NOT NULL")

/* Of a column that may be empty; a value at fault stays null. */
#define NUMBER(column, otherwise) \
	"CASE WHEN " column " = '' THEN " otherwise " ELSE " column "::integer END"

#define DANGLING(staged, column, other_staged, table, key)                                         \
	QUESTION("SELECT line, '" column "', 'no " key " ' || " column " FROM " staged             \
		 " s WHERE " column " <> ''"                                                       \
		 " AND NOT EXISTS (SELECT FROM " other_staged " o WHERE o." key " = s." column ")" \
		 " AND NOT EXISTS (SELECT FROM " table " o WHERE o." key " = s." column ")")

/* A free word, but one that nothing else of the town says. */
#define UNHEARD_OF(staged, column, other_staged, table, so)                                        \
	QUESTION(                                                                                  \
	    "SELECT line, '" column "', 'no " column " ' || " column " || ': " so "' FROM " staged \
	    " s WHERE " column " <> ''"                                                            \
	    " AND NOT EXISTS (SELECT FROM " other_staged " o WHERE o." column " = s." column ")"   \
	    " AND NOT EXISTS (SELECT FROM " table " o WHERE o." column " = s." column ")")

#define RING(staged, merged, key)                                                                \
	QUESTION("WITH RECURSIVE up AS ("                                                        \
		 " SELECT line, " key " AS start, parent AS at, 1 AS levels FROM " staged        \
		 " WHERE parent <> '' AND " key " IS NOT NULL"                                   \
		 " UNION ALL SELECT line, start, m.parent, levels + 1 FROM up JOIN " merged      \
		 " m ON m." key " = up.at"                                                       \
		 " WHERE up.at <> up.start AND levels < " LEVELS_MOST " AND m.parent <> '')"     \
		 " SELECT line, 'parent', CASE WHEN at = start THEN start || ' is above itself'" \
		 " ELSE start || ' has " LEVELS_MOST " or more above it, or a ring' END"         \
		 " FROM up WHERE at = start OR levels = " LEVELS_MOST)

const struct fw_town_question fw_town_questions[] = {
    {FW_TOWN_DIVISIONS, GIVEN_TWICE("staged_divisions", "division", "division", "division")},
    {FW_TOWN_DIVISIONS,
	DANGLING("staged_divisions", "parent", "staged_divisions", "division", "division")},
    {FW_TOWN_DIVISIONS, RING("staged_divisions", "merged_division", "division")},
    {FW_TOWN_SITES, GIVEN_TWICE("staged_sites", "site", "site", "site")},
    {FW_TOWN_SITES,
	DANGLING("staged_sites", "division", "staged_divisions", "division", "division")},
    {FW_TOWN_DEVICES, GIVEN_TWICE("staged_devices", "device", "device", "device")},
    {FW_TOWN_DEVICES, DANGLING("staged_devices", "parent", "staged_devices", "device", "device")},
    {FW_TOWN_DEVICES, DANGLING("staged_devices", "site", "staged_sites", "site", "site")},
    {FW_TOWN_DEVICES, RING("staged_devices", "merged_device", "device")},
    {FW_TOWN_DEVICES,
	QUESTION("SELECT line, 'site', 'not given, and no gateway above ' || device || ' has one'"
		 " FROM staged_devices s WHERE site = '' AND parent <> ''"
		 " AND NOT EXISTS (SELECT FROM device_site w WHERE w.device = s.device)"
		 " AND EXISTS (SELECT FROM merged_device m WHERE m.device = s.parent)")},
    {FW_TOWN_PEOPLE, GIVEN_TWICE("staged_people", "person", "person", "person")},
    {FW_TOWN_DUTY, GIVEN_TWICE("staged_duty", "division, site, role, person, starts_at", "division",
		       "'the same duty'")},
    {FW_TOWN_DUTY, DANGLING("staged_duty", "division", "staged_divisions", "division", "division")},
    {FW_TOWN_DUTY, DANGLING("staged_duty", "site", "staged_sites", "site", "site")},
    {FW_TOWN_DUTY, DANGLING("staged_duty", "person", "staged_people", "person", "person")},
    {FW_TOWN_POLICIES, GIVEN_TWICE("staged_policies", "class, category, level, step, role, channel",
			   "class", "'the same policy'")},
    {FW_TOWN_KINDS, GIVEN_TWICE("staged_kinds", "kind", "kind", "kind")},
    {FW_TOWN_THRESHOLDS, GIVEN_TWICE("staged_thresholds",
			     "quantity, kind, category, risk, site, device, class, side, " NUMBER(
				 "window_s", "0") " > 0",
			     "quantity", "'the same threshold'")},
    {FW_TOWN_THRESHOLDS,
	DANGLING("staged_thresholds", "kind", "staged_kinds", "device_kind", "kind")},
    {FW_TOWN_THRESHOLDS,
	DANGLING("staged_thresholds", "category", "staged_sites", "site_category", "category")},
    {FW_TOWN_THRESHOLDS, DANGLING("staged_thresholds", "site", "staged_sites", "site", "site")},
    {FW_TOWN_THRESHOLDS,
	DANGLING("staged_thresholds", "device", "staged_devices", "device", "device")},
    {FW_TOWN_CLASSIFICATION, GIVEN_TWICE("staged_classification",
				 "condition, " NUMBER("component_type", "-1") ", " NUMBER(
				     "system_type", "-1") ", kind, category, model",
				 "condition", "'the same classification'")},
    {FW_TOWN_CLASSIFICATION,
	DANGLING("staged_classification", "kind", "staged_kinds", "device_kind", "kind")},
    {FW_TOWN_CLASSIFICATION,
	DANGLING("staged_classification", "category", "staged_sites", "site_category", "category")},
    {FW_TOWN_LEVELS, GIVEN_TWICE("staged_levels", "level", "level", "level")},
    {FW_TOWN_PROTECTION, GIVEN_TWICE("staged_protection", "division, level, starts_at", "division",
			     "'the same protection'")},
    {FW_TOWN_PROTECTION,
	DANGLING("staged_protection", "division", "staged_divisions", "division", "division")},
    {FW_TOWN_HAZARDS,
	GIVEN_TWICE("staged_hazards", "class, kind, category", "class", "'the same limit'")},
    {FW_TOWN_HAZARDS, DANGLING("staged_hazards", "kind", "staged_kinds", "device_kind", "kind")},
    {FW_TOWN_HAZARDS,
	DANGLING("staged_hazards", "category", "staged_sites", "site_category", "category")},
    {0},
};

const struct fw_town_question fw_town_doubts[] = {
    {FW_TOWN_DEVICES, UNHEARD_OF("staged_devices", "kind", "staged_kinds", "device_kind",
			  "a device of it is not supervised")},
    {FW_TOWN_POLICIES, UNHEARD_OF("staged_policies", "category", "staged_sites", "site_category",
			   "no site is of it")},
    {0, NULL},
};
