-- SPDX-License-Identifier: Apache-2.0
--
-- The hazard ledger: what has lasted or come back for longer than it may, until a person has seen to it.
--
--	open         nobody has said yet what is to be done
--	rectifying   there are measures, a responsible person and a deadline
--	review       done, says the responsible person; somebody looks at it, and may send it back
--	closed       in order again.  A newer cause opens it anew
--
-- Nothing is deleted, and hazard_event keeps every change.  SQLSTATEs as in 0003.

CREATE TABLE hazard (
	hazard_id       text NOT NULL,          -- device~point~class, site:ID~false_alarms, device:ID~false_alarms, …
	division        text NOT NULL,
	site            text NOT NULL,          -- empty: an unclaimed device's
	device          text NOT NULL,          -- empty: of the site as a whole
	class           text NOT NULL,          -- of the alarm that lasts; empty: of none
	kind            text NOT NULL CHECK (kind IN ('lasting', 'false_alarms', 'chatter')),
	grade           text NOT NULL CHECK (grade IN ('general', 'major')),
	state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'rectifying', 'review', 'closed')),
	responsible     text NOT NULL,          -- a person; empty: nobody was on duty for it
	reason          text NOT NULL,          -- the rule and the data that made it, in words
	measures        text NOT NULL DEFAULT '',
	opened_at       timestamptz NOT NULL,   -- anew, when it has recurred
	first_opened_at timestamptz NOT NULL,
	deadline_at     timestamptz NOT NULL,
	last_seen_at    timestamptz NOT NULL,   -- when the newest cause was found
	recurrences     integer NOT NULL DEFAULT 0,
	alarm_id        text NOT NULL,          -- of the newest cause
	closed_at       timestamptz,
	closed_by       text,
	PRIMARY KEY (hazard_id, division),
	CHECK ((state = 'closed') = (closed_at IS NOT NULL AND closed_by IS NOT NULL))
);
CREATE INDEX ON hazard (site, opened_at);
CREATE INDEX ON hazard (opened_at);
CREATE INDEX ON hazard (deadline_at) WHERE state <> 'closed';
COMMENT ON TABLE hazard IS 'One row for each hazard, however often it comes back; changed by the functions below alone';

CREATE TABLE hazard_event (
	hazard_id    text NOT NULL,
	division     text NOT NULL,
	entry        bigint GENERATED ALWAYS AS IDENTITY,
	at           timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind         text NOT NULL,             -- raised, seen, graded, reopened, assigned, rectifying, review, returned, closed
	actor        text NOT NULL,             -- empty: the daemon
	state_before text NOT NULL,             -- empty: it was not there
	state        text NOT NULL,
	detail       text NOT NULL,
	PRIMARY KEY (hazard_id, entry, division)
);
COMMENT ON TABLE hazard_event IS 'Every change of a hazard; only ever added to';

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON hazard
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON hazard_event
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW hazard_ledger AS
SELECT h.hazard_id, h.division, h.site, coalesce(s.name, '') AS site_name, h.device, h.class, h.kind, h.grade, h.state,
       h.responsible, coalesce(p.name, '') AS responsible_name, h.reason, h.measures, h.opened_at, h.deadline_at,
       h.state <> 'closed' AND h.deadline_at <= now() AS overdue,
       h.last_seen_at, h.recurrences, h.alarm_id, h.first_opened_at, h.closed_at, h.closed_by
FROM hazard h
LEFT JOIN site s ON s.site = h.site
LEFT JOIN person p ON p.person = h.responsible;
COMMENT ON VIEW hazard_ledger IS 'Every hazard as it stands: who is responsible, until when, what is done about it';

CREATE VIEW hazard_log AS
SELECT hazard_id, division, entry, at, kind, actor, state_before, state, detail FROM hazard_event;
COMMENT ON VIEW hazard_log IS 'What happened to a hazard, by whom; order by entry';

-- ---------------------------------------------------------------- what a person may do

CREATE FUNCTION lock_hazard(wanted text, actor text) RETURNS hazard
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	h hazard;
BEGIN
	PERFORM check_actor(actor);
	SELECT * INTO h FROM hazard WHERE hazard_id = wanted FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no hazard %', wanted USING ERRCODE = 'P0002';
	END IF;
	RETURN h;
END $$;
COMMENT ON FUNCTION lock_hazard(text, text) IS 'The hazard, locked; who acts must be named';

CREATE FUNCTION refuse_hazard(h hazard, why text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'hazard % is %: %', h.hazard_id, h.state, why USING ERRCODE = 'FW001';
END $$;
COMMENT ON FUNCTION refuse_hazard(hazard, text) IS 'Refuses an act as things stand';

CREATE FUNCTION write_hazard_act(before hazard, kind text, actor text, detail text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
	INSERT INTO hazard_event (hazard_id, division, kind, actor, state_before, state, detail)
	SELECT h.hazard_id, h.division, write_hazard_act.kind, write_hazard_act.actor, before.state, h.state,
		write_hazard_act.detail
	FROM hazard h WHERE h.hazard_id = before.hazard_id AND h.division = before.division;
$$;
COMMENT ON FUNCTION write_hazard_act(hazard, text, text, text) IS 'Writes what was done to a hazard, after it was done';

CREATE FUNCTION assign_hazard(hazard_id text, person text, actor text, deadline_at timestamptz DEFAULT NULL, note text DEFAULT '')
	RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	h hazard := lock_hazard(assign_hazard.hazard_id, actor);
	due timestamptz := coalesce(assign_hazard.deadline_at, h.deadline_at);
BEGIN
	IF NOT EXISTS (SELECT FROM person p WHERE p.person = assign_hazard.person) THEN
		RAISE EXCEPTION 'no person %', coalesce(assign_hazard.person, 'null') USING ERRCODE = 'P0002';
	ELSIF assign_hazard.deadline_at <= clock_timestamp() OR NOT isfinite(assign_hazard.deadline_at) THEN
		RAISE EXCEPTION 'a deadline must be a time to come' USING ERRCODE = '22023';
	ELSIF h.state = 'closed' THEN
		PERFORM refuse_hazard(h, 'there is nothing left to be done');
	ELSIF h.responsible = assign_hazard.person AND h.deadline_at = due THEN
		RETURN false;
	END IF;
	UPDATE hazard t SET responsible = assign_hazard.person, deadline_at = due
	WHERE t.hazard_id = h.hazard_id AND t.division = h.division;
	PERFORM write_hazard_act(h, 'assigned', actor, concat_ws('; ', assign_hazard.person,
		'until ' || to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), nullif(note, '')));
	RETURN true;
END $$;
COMMENT ON FUNCTION assign_hazard(text, text, text, timestamptz, text) IS
	'actor makes a person responsible, until the deadline (null: as it is).  False: so it was already';

CREATE FUNCTION rectify_hazard(hazard_id text, actor text, measures text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	h hazard := lock_hazard(rectify_hazard.hazard_id, actor);
BEGIN
	IF coalesce(btrim(rectify_hazard.measures), '') = '' THEN
		RAISE EXCEPTION 'the measures must be named' USING ERRCODE = '22023';
	ELSIF h.state = 'closed' THEN
		PERFORM refuse_hazard(h, 'there is nothing left to be done');
	ELSIF h.responsible = '' THEN
		PERFORM refuse_hazard(h, 'nobody is responsible yet, assign it first');
	ELSIF h.state = 'rectifying' AND h.measures = rectify_hazard.measures THEN
		RETURN false;
	END IF;
	UPDATE hazard t SET state = 'rectifying', measures = rectify_hazard.measures
	WHERE t.hazard_id = h.hazard_id AND t.division = h.division;
	PERFORM write_hazard_act(h, CASE WHEN h.state = 'review' THEN 'returned' ELSE 'rectifying' END, actor,
		rectify_hazard.measures);
	RETURN true;
END $$;
COMMENT ON FUNCTION rectify_hazard(text, text, text) IS
	'actor says what is being done; from review this sends it back.  False: the same is being done already';

CREATE FUNCTION review_hazard(hazard_id text, actor text, note text DEFAULT '') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	h hazard := lock_hazard(review_hazard.hazard_id, actor);
BEGIN
	IF h.state = 'review' THEN
		RETURN false;
	ELSIF h.state = 'open' THEN
		PERFORM refuse_hazard(h, 'nothing has been done yet, rectify it first');
	ELSIF h.state = 'closed' THEN
		PERFORM refuse_hazard(h, 'there is nothing left to be done');
	END IF;
	UPDATE hazard t SET state = 'review' WHERE t.hazard_id = h.hazard_id AND t.division = h.division;
	PERFORM write_hazard_act(h, 'review', actor, coalesce(note, ''));
	RETURN true;
END $$;
COMMENT ON FUNCTION review_hazard(text, text, text) IS
	'actor says that it is done and is to be looked at.  False: it is being looked at already';

CREATE FUNCTION close_hazard(hazard_id text, actor text, note text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	h hazard := lock_hazard(close_hazard.hazard_id, actor);
BEGIN
	IF h.state = 'closed' THEN
		RETURN false;
	ELSIF coalesce(btrim(note), '') = '' THEN
		RAISE EXCEPTION 'a note must say why it may be closed' USING ERRCODE = '22023';
	ELSIF h.state <> 'review' THEN
		PERFORM refuse_hazard(h, 'review it first');
	END IF;
	UPDATE hazard t SET state = 'closed', closed_at = clock_timestamp(), closed_by = actor
	WHERE t.hazard_id = h.hazard_id AND t.division = h.division;
	PERFORM write_hazard_act(h, 'closed', actor, note);
	RETURN true;
END $$;
COMMENT ON FUNCTION close_hazard(text, text, text) IS
	'actor has looked at it and found it in order; the note says how.  False: it was closed before';

-- ---------------------------------------------------------------- what the daemon finds

-- A cause is newer when it was found later: what the daemon finds again after a restart has the same time and changes nothing.
CREATE FUNCTION raise_hazards(ids text[], divisions text[], sites text[], devices text[], classes text[], kinds text[],
	grades text[], persons text[], reasons text[], alarms text[], found_at timestamptz[], deadlines timestamptz[])
	RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	changed integer;
BEGIN
	PERFORM FROM hazard h WHERE h.hazard_id = ANY(ids) ORDER BY h.hazard_id, h.division FOR UPDATE;
	WITH given AS ( -- the newest of each, with the highest grade that any of them has
		SELECT DISTINCT ON (id, in_division) g.*,
			bool_or(g.grade = 'major') OVER (PARTITION BY id, in_division) AS major,
			min(g.at) OVER (PARTITION BY id, in_division) AS first_at
		FROM unnest(ids, divisions, sites, devices, classes, kinds, grades, persons, reasons, alarms, found_at, deadlines)
			WITH ORDINALITY AS g(id, in_division, site, device, class, kind, grade, person, reason, alarm, at, deadline, n)
		ORDER BY id, in_division, at DESC, n DESC
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
		WHERE g.at > h.last_seen_at OR (g.major AND h.grade = 'general' AND h.state <> 'closed')
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
COMMENT ON FUNCTION raise_hazards(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], timestamptz[],
	timestamptz[]) IS
	'New hazards, closed ones opened anew by a newer cause, open ones seen again; the grade of those only goes up.  How many have changed';

CREATE FUNCTION raise_hazard(hazard_id text, division text, site text, device text, class text, kind text, grade text, person text,
	reason text, alarm_id text, found_at timestamptz, deadline_at timestamptz) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = firewatch, pg_temp
RETURN raise_hazards(ARRAY[hazard_id], ARRAY[division], ARRAY[site], ARRAY[device], ARRAY[class], ARRAY[kind], ARRAY[grade],
	ARRAY[person], ARRAY[reason], ARRAY[alarm_id], ARRAY[found_at], ARRAY[deadline_at]) > 0;
COMMENT ON FUNCTION raise_hazard(text, text, text, text, text, text, text, text, text, text, timestamptz, timestamptz) IS
	'raise_hazards for one.  False: it was known';

-- ---------------------------------------------------------------- who may do what

REVOKE EXECUTE ON FUNCTION lock_hazard(text, text), refuse_hazard(hazard, text), write_hazard_act(hazard, text, text, text),
	assign_hazard(text, text, text, timestamptz, text), rectify_hazard(text, text, text), review_hazard(text, text, text),
	close_hazard(text, text, text),
	raise_hazards(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], timestamptz[], timestamptz[]),
	raise_hazard(text, text, text, text, text, text, text, text, text, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT SELECT ON hazard_ledger, hazard_log TO firewatch_api, firewatch_operator;
GRANT EXECUTE ON FUNCTION assign_hazard(text, text, text, timestamptz, text), rectify_hazard(text, text, text),
	review_hazard(text, text, text), close_hazard(text, text, text) TO firewatch_api, firewatch_operator;
GRANT SELECT ON hazard TO firewatch_daemon;
GRANT EXECUTE ON FUNCTION
	raise_hazards(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], timestamptz[], timestamptz[]),
	raise_hazard(text, text, text, text, text, text, text, text, text, text, timestamptz, timestamptz) TO firewatch_daemon;
