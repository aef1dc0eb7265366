/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that stage a town and write it; town_questions.c has those that find its faults.
 * See town_sql.h. */
#include "cli/town_sql.h"

#include "base/text.h"
#include "model/town.h"

/* Two imports at once would tell of each other's changes: the second waits. */
const char fw_town_sql_stage[] =
    "BEGIN;"
    "SELECT pg_advisory_xact_lock(hashtext('firewatch.import'));"
    "CREATE TEMP TABLE staged_divisions (line bigint, division text, parent text, name text, level text) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_sites (line bigint, site text, name text, division text, category text, risk text, address text,"
    " latitude text, longitude text, contact text) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_devices (line bigint, device text, parent text, site text, zone text, kind text, model text,"
    " maker text, installed_on text, heartbeat_s text) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_people (line bigint, person text, name text, phone text, email text, webhook text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_duty (line bigint, division text, site text, role text, person text, starts_at text,"
    " ends_at text) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_policies (line bigint, class text, category text, level text, step text, after_s text,"
    " role text, channel text) ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_kinds (line bigint, kind text, name text, heartbeat_s text, missed text, mains text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_thresholds (line bigint, quantity text, kind text, category text, risk text, site text, device text,"
    " class text, side text, raise text, clear text, delay_s text, window_s text, reason text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_classification (line bigint, condition text, component_type text, system_type text, kind text,"
    " category text, model text, class text, severity text, reason text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_levels (line bigint, level text, timeout_percent text, pre_alarm_as_alarm text, extra_role text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_protection (line bigint, division text, level text, starts_at text, ends_at text, reason text)"
    " ON COMMIT DROP;"
    "CREATE TEMP TABLE staged_hazards (line bigint, class text, kind text, category text, limit_s text, grade text, deadline_s text,"
    " role text)"
    " ON COMMIT DROP;";

/*
 * merged_…: the town as it would be.  device_site: of each staged device, its own site or that of
 * the nearest gateway above it that has one.  A key given twice is there once, so that no walk
 * upward ever forks.
 */
const char fw_town_sql_prepare[] =
    "ANALYZE staged_divisions, staged_sites, staged_devices, staged_people, staged_duty, staged_policies,"
    " staged_kinds, staged_thresholds, staged_classification, staged_levels, staged_protection, staged_hazards;"
    "CREATE TEMP TABLE merged_division ON COMMIT DROP AS"
    " SELECT DISTINCT ON (division) division, parent FROM staged_divisions WHERE division IS NOT NULL"
    " UNION ALL SELECT division, coalesce(parent, '') FROM division d"
    " WHERE NOT EXISTS (SELECT FROM staged_divisions s WHERE s.division = d.division);"
    "CREATE TEMP TABLE merged_device ON COMMIT DROP AS"
    " SELECT DISTINCT ON (device) device, parent, site FROM staged_devices WHERE device IS NOT NULL"
    " UNION ALL SELECT device, coalesce(parent, ''), coalesce(site, '') FROM device d"
    " WHERE NOT EXISTS (SELECT FROM staged_devices s WHERE s.device = d.device);"
    "ANALYZE merged_division, merged_device;"
    "CREATE TEMP TABLE device_site ON COMMIT DROP AS"
    " WITH RECURSIVE up AS ("
    " SELECT device, parent, site, 1 AS levels FROM merged_device m"
    " WHERE EXISTS (SELECT FROM staged_devices s WHERE s.device = m.device)"
    " UNION ALL SELECT up.device, m.parent, m.site, levels + 1 FROM up JOIN merged_device m ON m.device = up.parent"
    " WHERE up.site = '' AND up.parent <> '' AND levels < " FW_TEXT_OF(
	FW_UPWARD_MOST) ")"
			" SELECT device, site FROM up WHERE site <> '';"
			"ANALYZE device_site;";

#define COUNT(file) \
	"SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new), 0 FROM next_" file
#define COUNT_REPLACED(file)                                                         \
	"SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new)," \
	" (SELECT count(*) FROM gone_" file ") FROM next_" file

#define GIVEN(column, otherwise) "coalesce(nullif(" column ", ''), '" otherwise "')"
#define PERHAPS(column) "nullif(" column ", '')"

#define THRESHOLD_OF(row)                                                                 \
	row ".quantity, " row ".kind, " row ".category, " row ".risk, " row ".site, " row \
	    ".device, " row ".class, " row ".side, " row ".window_s > 0"
#define SAME_THRESHOLD(a, b) "(" THRESHOLD_OF(a) ") = (" THRESHOLD_OF(b) ")"

#define CLASSIFIED_BY(row)                                                    \
	row ".condition, coalesce(" row ".component_type, -1), coalesce(" row \
	    ".system_type, -1), " row ".kind, " row ".category, " row ".model"
#define SAME_CLASSIFICATION(a, b) "(" CLASSIFIED_BY(a) ") = (" CLASSIFIED_BY(b) ")"

const struct fw_town_sql fw_town_sql[FW_TOWN_FILES] = {
    [FW_TOWN_DIVISIONS] =
	{
	    .copy = "COPY staged_divisions FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_divisions ON COMMIT DROP AS"
		" SELECT n.*, o.division IS NULL AS is_new"
		" FROM (SELECT division, nullif(parent, '') AS parent, name, level FROM staged_divisions) n"
		" LEFT JOIN division o ON o.division = n.division"
		" WHERE (o.parent, o.name, o.level) IS DISTINCT FROM (n.parent, n.name, n.level)",
	    .count = COUNT("divisions"),
	    .apply =
		"INSERT INTO division (division, parent, name, level)"
		" SELECT division, parent, name, level FROM next_divisions ORDER BY division"
		" ON CONFLICT (division) DO UPDATE SET parent = excluded.parent, name = excluded.name, level = excluded.level",
	},
    [FW_TOWN_SITES] =
	{
	    .copy = "COPY staged_sites FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_sites ON COMMIT DROP AS"
		" SELECT n.*, o.site IS NULL AS is_new"
		" FROM (SELECT site, name, division, category, coalesce(nullif(risk, ''), 'normal') AS risk, address,"
		" nullif(latitude, '')::double precision AS latitude, nullif(longitude, '')::double precision AS longitude,"
		" contact FROM staged_sites) n"
		" LEFT JOIN site o ON o.site = n.site"
		" WHERE (o.name, o.division, o.category, o.risk, o.address, o.latitude, o.longitude, o.contact) IS DISTINCT FROM"
		" (n.name, n.division, n.category, n.risk, n.address, n.latitude, n.longitude, n.contact)",
	    .count = COUNT("sites"),
	    /* The devices of a site follow it into another division. */
	    .apply =
		"INSERT INTO site_category (category, name) SELECT DISTINCT category, category FROM next_sites"
		" ON CONFLICT (category) DO NOTHING;"
		"INSERT INTO site (site, name, division, category, risk, address, latitude, longitude, contact)"
		" SELECT site, name, division, category, risk, address, latitude, longitude, contact FROM next_sites ORDER BY site"
		" ON CONFLICT (site) DO UPDATE SET name = excluded.name, division = excluded.division,"
		" category = excluded.category, risk = excluded.risk, address = excluded.address, latitude = excluded.latitude,"
		" longitude = excluded.longitude, contact = excluded.contact;"
		"UPDATE device d SET division = n.division FROM next_sites n"
		" WHERE d.site = n.site AND d.division <> n.division",
	},
    [FW_TOWN_DEVICES] =
	{
	    .copy = "COPY staged_devices FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_devices ON COMMIT DROP AS"
		" SELECT n.*, o.device IS NULL AS is_new"
		" FROM (SELECT s.device, nullif(s.parent, '') AS parent, w.site, site.division, zone, kind, model, maker,"
		" nullif(installed_on, '')::date AS installed_on, nullif(heartbeat_s, '')::integer AS heartbeat_s"
		" FROM staged_devices s JOIN device_site w ON w.device = s.device JOIN site ON site.site = w.site) n"
		" LEFT JOIN device o ON o.device = n.device"
		" WHERE (o.parent, o.site, o.division, o.zone, o.kind, o.model, o.maker, o.installed_on, o.heartbeat_s)"
		" IS DISTINCT FROM"
		" (n.parent, n.site, n.division, n.zone, n.kind, n.model, n.maker, n.installed_on, n.heartbeat_s)",
	    .count = COUNT("devices"),
	    .apply =
		"INSERT INTO device (device, parent, site, division, zone, kind, model, maker, installed_on, heartbeat_s)"
		" SELECT device, parent, site, division, zone, kind, model, maker, installed_on, heartbeat_s FROM next_devices"
		" ORDER BY device"
		" ON CONFLICT (device) DO UPDATE SET parent = excluded.parent, site = excluded.site,"
		" division = excluded.division, zone = excluded.zone, kind = excluded.kind, model = excluded.model,"
		" maker = excluded.maker, installed_on = excluded.installed_on, heartbeat_s = excluded.heartbeat_s",
	},
    [FW_TOWN_PEOPLE] =
	{
	    .copy = "COPY staged_people FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_people ON COMMIT DROP AS"
		" SELECT n.person, n.name, n.phone, n.email, n.webhook, o.person IS NULL AS is_new"
		" FROM staged_people n LEFT JOIN person o ON o.person = n.person"
		" WHERE (o.name, o.phone, o.email, o.webhook) IS DISTINCT FROM (n.name, n.phone, n.email, n.webhook)",
	    .count = COUNT("people"),
	    .apply =
		"INSERT INTO person (person, name, phone, email, webhook)"
		" SELECT person, name, phone, email, webhook FROM next_people ORDER BY person"
		" ON CONFLICT (person) DO UPDATE SET name = excluded.name, phone = excluded.phone, email = excluded.email,"
		" webhook = excluded.webhook",
	},
    [FW_TOWN_DUTY] =
	{
	    .copy = "COPY staged_duty FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE all_duty ON COMMIT DROP AS"
		" SELECT division, site, role, person, starts_at::timestamptz AS starts_at,"
		" coalesce(nullif(ends_at, ''), 'infinity')::timestamptz AS ends_at FROM staged_duty;"
		"CREATE TEMP TABLE next_duty ON COMMIT DROP AS"
		" SELECT n.*, o.person IS NULL AS is_new FROM all_duty n"
		" LEFT JOIN duty o USING (division, site, role, person, starts_at) WHERE o.ends_at IS DISTINCT FROM n.ends_at;"
		"CREATE TEMP TABLE gone_duty ON COMMIT DROP AS"
		" SELECT o.* FROM duty o LEFT JOIN all_duty n USING (division, site, role, person, starts_at) WHERE n.person IS NULL",
	    .count = COUNT_REPLACED("duty"),
	    .apply =
		"DELETE FROM duty d USING gone_duty g WHERE d.division = g.division AND d.site = g.site AND d.role = g.role"
		" AND d.person = g.person AND d.starts_at = g.starts_at;"
		"INSERT INTO duty (division, site, role, person, starts_at, ends_at)"
		" SELECT division, site, role, person, starts_at, ends_at FROM next_duty"
		" ON CONFLICT (division, site, role, person, starts_at) DO UPDATE SET ends_at = excluded.ends_at",
	},
    [FW_TOWN_POLICIES] =
	{
	    .copy = "COPY staged_policies FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE all_policies ON COMMIT DROP AS"
		" SELECT class, category, level, step::integer AS step, after_s::integer AS after_s, role, channel"
		" FROM staged_policies;"
		"CREATE TEMP TABLE next_policies ON COMMIT DROP AS"
		" SELECT n.*, o.step IS NULL AS is_new FROM all_policies n"
		" LEFT JOIN policy o USING (class, category, level, step, role, channel)"
		" WHERE o.after_s IS DISTINCT FROM n.after_s;"
		"CREATE TEMP TABLE gone_policies ON COMMIT DROP AS"
		" SELECT o.* FROM policy o LEFT JOIN all_policies n USING (class, category, level, step, role, channel)"
		" WHERE n.step IS NULL",
	    .count = COUNT_REPLACED("policies"),
	    .apply =
		"DELETE FROM policy p USING gone_policies g WHERE p.class = g.class AND p.category = g.category"
		" AND p.level = g.level AND p.step = g.step AND p.role = g.role AND p.channel = g.channel;"
		"INSERT INTO policy (class, category, level, step, after_s, role, channel)"
		" SELECT class, category, level, step, after_s, role, channel FROM next_policies"
		" ON CONFLICT (class, category, level, step, role, channel) DO UPDATE SET after_s = excluded.after_s",
	},
    /* A standard row that the town changes becomes the town's; one that it only repeats stays. */
    [FW_TOWN_KINDS] =
	{
	    .copy = "COPY staged_kinds FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_kinds ON COMMIT DROP AS"
		" SELECT n.*, o.kind IS NULL AS is_new"
		" FROM (SELECT kind, name, heartbeat_s::integer AS heartbeat_s, " GIVEN("missed",
		    "3") "::integer AS missed,"
			 " mains = 'yes' AS mains FROM staged_kinds) n"
			 " LEFT JOIN device_kind o ON o.kind = n.kind"
			 " WHERE (o.name, o.heartbeat_s, o.missed, o.mains) IS DISTINCT FROM (n.name, n.heartbeat_s, n.missed, n.mains)",
	    .count = COUNT("kinds"),
	    .apply =
		"INSERT INTO device_kind (kind, name, heartbeat_s, missed, mains)"
		" SELECT kind, name, heartbeat_s, missed, mains FROM next_kinds ORDER BY kind"
		" ON CONFLICT (kind) DO UPDATE SET name = excluded.name, heartbeat_s = excluded.heartbeat_s,"
		" missed = excluded.missed, mains = excluded.mains, origin = excluded.origin, source = excluded.source",
	},
    [FW_TOWN_THRESHOLDS] =
	{
	    .copy = "COPY staged_thresholds FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE all_thresholds ON COMMIT DROP AS"
		" SELECT quantity, kind, category, risk, site, device, class, side,"
		" " PERHAPS("raise") "::double precision AS raise_at, " PERHAPS(
		    "clear") "::double precision AS clear_at,"
			     " " GIVEN("delay_s", "0") "::integer AS delay_s, " GIVEN("window_s",
				 "0") "::integer AS window_s, reason"
				      " FROM staged_thresholds;"
				      "CREATE TEMP TABLE next_thresholds ON COMMIT DROP AS"
				      " SELECT n.*, o.quantity IS NULL AS is_new FROM all_thresholds n"
				      " LEFT JOIN threshold o ON o.origin = 'town' AND " SAME_THRESHOLD(
					  "o",
					  "n") " WHERE (o.raise_at, o.clear_at, o.delay_s, o.window_s, o.reason) IS DISTINCT FROM"
					       " (n.raise_at, n.clear_at, n.delay_s, n.window_s, n.reason);"
					       "CREATE TEMP TABLE gone_thresholds ON COMMIT DROP AS"
					       " SELECT o.* FROM threshold o WHERE o.origin = 'town'"
					       " AND NOT EXISTS (SELECT FROM all_thresholds n WHERE " SAME_THRESHOLD(
						   "o", "n") ")",
	    .count = COUNT_REPLACED("thresholds"),
	    .apply = "DELETE FROM threshold t USING gone_thresholds g WHERE t.origin = 'town' AND " SAME_THRESHOLD(
		"t",
		"g") ";"
		     "INSERT INTO threshold (quantity, kind, category, risk, site, device, class, side, raise_at, clear_at, delay_s,"
		     " window_s, reason)"
		     " SELECT quantity, kind, category, risk, site, device, class, side, raise_at, clear_at, delay_s, window_s, reason"
		     " FROM next_thresholds"
		     " ON CONFLICT (quantity, kind, category, risk, site, device, class, side, (window_s > 0), origin)"
		     " DO UPDATE SET raise_at = excluded.raise_at, clear_at = excluded.clear_at, delay_s = excluded.delay_s,"
		     " window_s = excluded.window_s, reason = excluded.reason",
	},
    [FW_TOWN_CLASSIFICATION] =
	{
	    .copy = "COPY staged_classification FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE all_classification ON COMMIT DROP AS"
		" SELECT condition, " PERHAPS(
		    "component_type") "::integer AS component_type,"
				      " " PERHAPS(
					  "system_type") "::integer AS system_type, kind, category, model, class, severity, reason"
							 " FROM staged_classification;"
							 "CREATE TEMP TABLE next_classification ON COMMIT DROP AS"
							 " SELECT n.*, o.condition IS NULL AS is_new FROM all_classification n"
							 " LEFT JOIN classification o ON " SAME_CLASSIFICATION(
							     "o",
							     "n") " WHERE (o.class, o.severity, o.reason) IS DISTINCT FROM (n.class, n.severity, n.reason);"
								  "CREATE TEMP TABLE gone_classification ON COMMIT DROP AS"
								  " SELECT o.* FROM classification o"
								  " WHERE NOT EXISTS (SELECT FROM all_classification n WHERE " SAME_CLASSIFICATION(
								      "o", "n") ")",
	    .count = COUNT_REPLACED("classification"),
	    .apply = "DELETE FROM classification c USING gone_classification g WHERE " SAME_CLASSIFICATION(
		"c",
		"g") ";"
		     "INSERT INTO classification (condition, component_type, system_type, kind, category, model, class, severity, reason)"
		     " SELECT condition, component_type, system_type, kind, category, model, class, severity, reason"
		     " FROM next_classification"
		     " ON CONFLICT (condition, coalesce(component_type, -1), coalesce(system_type, -1), kind, category, model)"
		     " DO UPDATE SET class = excluded.class, severity = excluded.severity, reason = excluded.reason",
	},
    [FW_TOWN_LEVELS] =
	{
	    .copy = "COPY staged_levels FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_levels ON COMMIT DROP AS"
		" SELECT n.*, o.level IS NULL AS is_new"
		" FROM (SELECT level, timeout_percent::integer AS timeout_percent, pre_alarm_as_alarm = 'yes' AS pre_alarm_as_alarm,"
		" extra_role FROM staged_levels) n"
		" LEFT JOIN protection_level o ON o.level = n.level"
		" WHERE (o.timeout_percent, o.pre_alarm_as_alarm, o.extra_role) IS DISTINCT FROM"
		" (n.timeout_percent, n.pre_alarm_as_alarm, n.extra_role)",
	    .count = COUNT("levels"),
	    .apply =
		"INSERT INTO protection_level (level, timeout_percent, pre_alarm_as_alarm, extra_role)"
		" SELECT level, timeout_percent, pre_alarm_as_alarm, extra_role FROM next_levels ORDER BY level"
		" ON CONFLICT (level) DO UPDATE SET timeout_percent = excluded.timeout_percent,"
		" pre_alarm_as_alarm = excluded.pre_alarm_as_alarm, extra_role = excluded.extra_role, origin = excluded.origin,"
		" source = excluded.source",
	},
    [FW_TOWN_PROTECTION] =
	{
	    .copy = "COPY staged_protection FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE all_protection ON COMMIT DROP AS"
		" SELECT division, level, starts_at::timestamptz AS starts_at, ends_at::timestamptz AS ends_at, reason"
		" FROM staged_protection;"
		"CREATE TEMP TABLE next_protection ON COMMIT DROP AS"
		" SELECT n.*, o.division IS NULL AS is_new FROM all_protection n"
		" LEFT JOIN protection o USING (division, level, starts_at)"
		" WHERE (o.ends_at, o.reason) IS DISTINCT FROM (n.ends_at, n.reason);"
		"CREATE TEMP TABLE gone_protection ON COMMIT DROP AS"
		" SELECT o.* FROM protection o LEFT JOIN all_protection n USING (division, level, starts_at)"
		" WHERE n.reason IS NULL",
	    .count = COUNT_REPLACED("protection"),
	    .apply =
		"DELETE FROM protection p USING gone_protection g WHERE p.division = g.division AND p.level = g.level"
		" AND p.starts_at = g.starts_at;"
		"INSERT INTO protection (division, level, starts_at, ends_at, reason)"
		" SELECT division, level, starts_at, ends_at, reason FROM next_protection"
		" ON CONFLICT (division, level, starts_at) DO UPDATE SET ends_at = excluded.ends_at, reason = excluded.reason",
	},
    [FW_TOWN_HAZARDS] =
	{
	    .copy = "COPY staged_hazards FROM STDIN",
	    .compare =
		"CREATE TEMP TABLE next_hazards ON COMMIT DROP AS"
		" SELECT n.*, o.class IS NULL AS is_new"
		" FROM (SELECT class, kind, category, limit_s::integer AS limit_s, grade, deadline_s::integer AS deadline_s, role"
		" FROM staged_hazards) n"
		" LEFT JOIN hazard_limit o ON (o.class, o.kind, o.category) = (n.class, n.kind, n.category)"
		" WHERE (o.limit_s, o.grade, o.deadline_s, o.role) IS DISTINCT FROM (n.limit_s, n.grade, n.deadline_s, n.role)",
	    .count = COUNT("hazards"),
	    .apply =
		"INSERT INTO hazard_limit (class, kind, category, limit_s, grade, deadline_s, role)"
		" SELECT class, kind, category, limit_s, grade, deadline_s, role FROM next_hazards ORDER BY class, kind, category"
		" ON CONFLICT (class, kind, category) DO UPDATE SET limit_s = excluded.limit_s, grade = excluded.grade,"
		" deadline_s = excluded.deadline_s, role = excluded.role, origin = excluded.origin, source = excluded.source",
	},
};
