-- SPDX-License-Identifier: Apache-2.0
--
-- Many alarms as one thing: incidents that are part of an area's incident, and floods.

-- ---------------------------------------------------------------- incidents of an area

ALTER TABLE incident
	ADD COLUMN merged_into text,
	ADD COLUMN merged_at   timestamptz;
COMMENT ON COLUMN incident.merged_into IS
	'The area''s incident that it became part of, and is closed by; the daemon alone writes it, for one of which it has heard no answer: one that crosses it on the wire is kept here, and counts for nothing';
COMMENT ON COLUMN incident.site IS 'Empty: an unclaimed device''s, or of a whole division (incident_id area~DIVISION~CLASS~…)';
GRANT UPDATE (merged_into, merged_at) ON incident TO firewatch_daemon;

CREATE OR REPLACE FUNCTION lock_incident(wanted text) RETURNS incident
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	found_row incident;
BEGIN
	SELECT * INTO found_row FROM incident WHERE incident_id = wanted FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no incident %', wanted USING ERRCODE = 'P0002';
	END IF;
	IF found_row.merged_into IS NOT NULL THEN
		RAISE EXCEPTION 'incident % is part of %: answer that one', wanted, found_row.merged_into USING ERRCODE = 'FW001';
	END IF;
	RETURN found_row;
END $$;

CREATE OR REPLACE VIEW incident_history AS
SELECT i.incident_id, i.division, i.site, coalesce(s.name, '') AS site_name, i.class, i.severity,
       CASE WHEN i.merged_into IS NOT NULL THEN 'closed'
            ELSE incident_state(i.trigger_count, i.acknowledged_trigger, i.closed_trigger) END AS state,
       i.confirmed_at IS NOT NULL AS confirmed,
       i.opened_at, i.confirmed_at, i.acknowledged_at, i.acknowledged_by, i.verdict,
       coalesce(i.closed_at, i.merged_at) AS closed_at, i.alarm_count,
       i.protection_level,
       i.device, i.trigger_count, i.verified_at, i.verified_by, i.closed_by,
       i.confidence,
       i.merged_into
FROM incident i
LEFT JOIN site s ON s.site = i.site;

-- ---------------------------------------------------------------- floods

CREATE TABLE flood (
	division   text NOT NULL,
	started_at timestamptz NOT NULL,        -- of the alarm that was one too many
	ended_at   timestamptz,                 -- null: it lasts
	peak_10min integer NOT NULL,            -- most alarms within ten minutes
	alarms     integer NOT NULL,            -- with those that made it one
	instance   text NOT NULL,
	PRIMARY KEY (division, started_at)
);
CREATE INDEX ON flood (instance) WHERE ended_at IS NULL;
COMMENT ON TABLE flood IS
	'Times with more than 10 alarms in 10 minutes in a division, until under 5 (ISA-18.2, EEMUA 191); measured, it changes nothing';

CREATE VIEW flood_history AS
SELECT f.division, coalesce(d.name, '') AS division_name, CASE WHEN f.ended_at IS NULL THEN 'active' ELSE 'over' END AS state,
       f.started_at, f.ended_at, f.peak_10min, f.alarms
FROM flood f
LEFT JOIN division d ON d.division = f.division;
COMMENT ON VIEW flood_history IS 'Every flood of alarms, by division';

GRANT SELECT, INSERT ON flood TO firewatch_daemon;
GRANT UPDATE (ended_at, peak_10min, alarms) ON flood TO firewatch_daemon;
GRANT SELECT ON flood_history TO firewatch_api, firewatch_operator;
