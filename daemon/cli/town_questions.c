/* SPDX-License-Identifier: Apache-2.0 */
/* The questions that find what is wrong between records, and between them and the database; see
 * town_sql.h. */
#include "cli/town_sql.h"

/* Deeper than the daemon follows parents upward (model/town.c) is a fault, too. */
#define LEVELS_MOST "16"

#define QUESTION(found)                                          \
	"SELECT line, name, what, count(*) OVER () FROM (" found \
	") AS found (line, name, what) ORDER BY line LIMIT 100"

#define GIVEN_TWICE(staged, key, name, what)                                                     \
	QUESTION(                                                                                \
	    "SELECT line, '" name "', " what " || ' is on line ' || first || ' already'"         \
	    " FROM (SELECT *, min(line) OVER (PARTITION BY " key ") AS first FROM " staged ") s" \
	    " WHERE line > first AND ROW(" key ") IS NOT NULL")

#define DANGLING(staged, column, other_staged, table, key)                                         \
	QUESTION("SELECT line, '" column "', 'no " key " ' || " column " FROM " staged             \
		 " s WHERE " column " <> ''"                                                       \
		 " AND NOT EXISTS (SELECT FROM " other_staged " o WHERE o." key " = s." column ")" \
		 " AND NOT EXISTS (SELECT FROM " table " o WHERE o." key " = s." column ")")

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
    {0},
};
