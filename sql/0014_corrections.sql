-- SPDX-License-Identifier: Apache-2.0
--
-- Corrections of what earlier files made.

-- ---------------------------------------------------------------- where a device speaks

ALTER TABLE device_status ADD COLUMN topic_division text NOT NULL DEFAULT '';
COMMENT ON COLUMN device_status.topic_division IS
	'Of the topic that it was last heard on, by which instances share out the devices; its site''s division may be another.  Empty: not known yet';

-- ---------------------------------------------------------------- one row of each hazard, wherever its site is by now

CREATE OR REPLACE FUNCTION lock_hazard(wanted text, actor text) RETURNS hazard
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	h hazard;
BEGIN
	PERFORM check_actor(actor);
	SELECT * INTO h FROM hazard WHERE hazard_id = wanted ORDER BY (state = 'closed'), opened_at DESC LIMIT 1 FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no hazard %', wanted USING ERRCODE = 'P0002';
	END IF;
	RETURN h;
END $$;

CREATE OR REPLACE FUNCTION raise_hazards(ids text[], divisions text[], sites text[], devices text[], classes text[], kinds text[],
	grades text[], persons text[], reasons text[], alarms text[], found_at timestamptz[], deadlines timestamptz[])
	RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	changed integer;
BEGIN
	PERFORM FROM hazard h WHERE h.hazard_id = ANY(ids) ORDER BY h.hazard_id, h.division FOR UPDATE;
	WITH given AS ( -- the newest of each, with the highest grade that any of them has
		SELECT DISTINCT ON (g.id) coalesce(row_of.division, g.given_division) AS in_division, g.*,
			bool_or(g.grade = 'major') OVER (PARTITION BY g.id) AS major,
			min(g.at) OVER (PARTITION BY g.id) AS first_at
		FROM unnest(ids, divisions, sites, devices, classes, kinds, grades, persons, reasons, alarms, found_at, deadlines)
			WITH ORDINALITY AS g(id, given_division, site, device, class, kind, grade, person, reason, alarm, at, deadline, n)
		LEFT JOIN LATERAL ( -- its site may be in another division by now
			SELECT h.division FROM hazard h WHERE h.hazard_id = g.id ORDER BY (h.state = 'closed'), h.opened_at DESC LIMIT 1
		) AS row_of ON true
		ORDER BY g.id, g.at DESC, g.n DESC
	), fresh AS (
		INSERT INTO hazard (hazard_id, division, site, device, class, kind, grade, responsible, reason, opened_at,
			first_opened_at, deadline_at, last_seen_at, alarm_id)
		SELECT id, in_division, site, device, class, kind, CASE WHEN major THEN 'major' ELSE grade END, person, reason,
			first_at, first_at, deadline, at, alarm
		FROM given ORDER BY id, in_division
		ON CONFLICT DO NOTHING
		RETURNING hazard_id, division, ''::text AS state_before, state, 'raised'::text AS kind, reason
	), known AS ( -- as it was; of what is new the snapshot knows nothing
		SELECT g.*, h.state AS state_before, h.grade AS grade_before, g.at > h.last_seen_at AS newer,
			h.state = 'closed' AND g.at > h.last_seen_at AS again
		FROM given g JOIN hazard h ON h.hazard_id = g.id AND h.division = g.in_division
		WHERE (g.at > h.last_seen_at
				-- found later by a limit that was raised meanwhile: what was closed is the same
				AND NOT (h.state = 'closed' AND g.kind = 'lasting' AND g.alarm = h.alarm_id))
			OR (g.major AND h.grade = 'general' AND h.state <> 'closed')
	), touched AS (
		UPDATE hazard h SET
			grade = CASE WHEN k.major THEN 'major' WHEN k.again THEN k.grade ELSE h.grade END,
			last_seen_at = greatest(h.last_seen_at, k.at),
			reason = CASE WHEN k.newer THEN k.reason ELSE h.reason END,
			alarm_id = CASE WHEN k.newer THEN k.alarm ELSE h.alarm_id END,
			state = CASE WHEN k.again THEN 'open' ELSE h.state END,
			recurrences = h.recurrences + k.again::integer,
			responsible = CASE WHEN k.again AND k.person <> '' THEN k.person ELSE h.responsible END,
			measures = CASE WHEN k.again THEN '' ELSE h.measures END,
			opened_at = CASE WHEN k.again THEN k.at ELSE h.opened_at END,
			deadline_at = CASE WHEN k.again THEN k.deadline ELSE h.deadline_at END,
			closed_at = CASE WHEN k.again THEN NULL ELSE h.closed_at END,
			closed_by = CASE WHEN k.again THEN NULL ELSE h.closed_by END
		FROM known k WHERE h.hazard_id = k.id AND h.division = k.in_division
		RETURNING h.hazard_id, h.division, k.state_before, h.state,
			CASE WHEN k.again THEN 'reopened' WHEN h.grade <> k.grade_before THEN 'graded' ELSE 'seen' END AS kind,
			CASE WHEN h.grade <> k.grade_before THEN k.grade_before || ' to ' || h.grade || ': ' ELSE '' END || k.reason
				AS reason
	)
	INSERT INTO hazard_event (hazard_id, division, kind, actor, state_before, state, detail)
	SELECT e.hazard_id, e.division, e.kind, '', e.state_before, e.state, e.reason
	FROM (SELECT * FROM fresh UNION ALL SELECT * FROM touched) AS e(hazard_id, division, state_before, state, kind, reason)
	ORDER BY e.hazard_id;
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END $$;

-- Nothing has ever called the one, or found the other.
DROP FUNCTION raise_hazard(text, text, text, text, text, text, text, text, text, text, timestamptz, timestamptz);
ALTER TABLE hazard DROP CONSTRAINT hazard_kind_check,
	ADD CONSTRAINT hazard_kind_check CHECK (kind IN ('lasting', 'false_alarms'));

-- ---------------------------------------------------------------- what a start, and a reconnect, reads

CREATE INDEX ON alarm (restored_at) WHERE class = 'fire';

DROP INDEX incident_incident_id_idx;
CREATE INDEX ON incident (incident_id) WHERE closed_trigger < trigger_count AND merged_into IS NULL;

-- ---------------------------------------------------------------- rules

UPDATE threshold SET window_s = 104400,
	source = 'domain practice: it should last for years; 29 h, so that two daily heartbeats are within the seven eighths of it that are always seen'
WHERE origin = 'standard' AND quantity = 'battery_percent' AND class = 'fault' AND window_s = 90000;

COMMENT ON FUNCTION declare_window(text, text, text, text, text, timestamptz, timestamptz, text) IS
	'actor declares a window; zone and device may be empty, starts_at null is now.  Not declared: one with the same times is there already, which with starts_at null there never is';

-- ---------------------------------------------------------------- when people were called last

ALTER TABLE incident ADD COLUMN called_at timestamptz;
COMMENT ON COLUMN incident.called_at IS 'When what called people last was received; empty: not known';
GRANT UPDATE (called_at) ON incident TO firewatch_daemon;
