-- SPDX-License-Identifier: Apache-2.0
--
-- What a person may do.  Each writes the timeline, cancels what is queued in the same transaction and tells the daemon.
-- SQLSTATEs: P0002 no such incident, FW001 refused as things stand, 22023 an argument that makes no sense.

CREATE FUNCTION lock_incident(wanted text) RETURNS incident
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	found_row incident;
BEGIN
	SELECT * INTO found_row FROM incident WHERE incident_id = wanted FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no incident %', wanted USING ERRCODE = 'P0002';
	END IF;
	RETURN found_row;
END $$;
COMMENT ON FUNCTION lock_incident(text) IS 'The incident, locked before anything of it, as the daemon''s transactions do';

CREATE FUNCTION check_actor(actor text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF coalesce(btrim(actor), '') = '' THEN
		RAISE EXCEPTION 'an actor must be named' USING ERRCODE = '22023';
	END IF;
END $$;
COMMENT ON FUNCTION check_actor(text) IS 'Every act names who did it';

CREATE FUNCTION cancel_queued(wanted text, forced_too boolean) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	steps integer;
	pages integer;
BEGIN
	UPDATE page_step SET state = 'cancelled' WHERE incident_id = wanted AND state = 'queued';
	GET DIAGNOSTICS steps = ROW_COUNT;
	UPDATE notification SET state = 'cancelled'
	WHERE incident_id = wanted AND state = 'queued' AND (forced_too OR NOT forced);
	GET DIAGNOSTICS pages = ROW_COUNT;
	RETURN steps + pages;
END $$;
COMMENT ON FUNCTION cancel_queued(text, boolean) IS
	'Cancels what is still to be sent; forced pages, of a confirmed fire, only when forced_too. How many rows';

CREATE FUNCTION write_act(i incident, kind text, actor text, detail text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
	INSERT INTO timeline (incident_id, division, key, at, kind, actor, detail)
	VALUES (i.incident_id, i.division,
		kind || ':' || (SELECT count(*) FROM timeline t WHERE t.incident_id = i.incident_id AND t.kind = write_act.kind),
		clock_timestamp(), kind, actor, detail);
	SELECT pg_notify('firewatch_incident', i.incident_id);
$$;
COMMENT ON FUNCTION write_act(incident, text, text, text) IS 'Writes an act into the timeline and tells the daemon';

CREATE FUNCTION acknowledge(incident_id text, actor text, note text DEFAULT '') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	i incident := lock_incident(acknowledge.incident_id);
	cancelled integer;
BEGIN
	PERFORM check_actor(actor);
	IF i.closed_trigger >= i.trigger_count THEN
		RAISE EXCEPTION 'incident % is closed', i.incident_id USING ERRCODE = 'FW001';
	END IF;
	IF i.acknowledged_trigger >= i.trigger_count THEN
		RETURN false;
	END IF;
	cancelled := cancel_queued(i.incident_id, false);
	UPDATE incident t SET acknowledged_trigger = i.trigger_count, acknowledged_at = clock_timestamp(), acknowledged_by = actor
	WHERE t.incident_id = i.incident_id AND t.division = i.division;
	PERFORM write_act(i, 'acknowledged', actor,
		concat_ws('; ', nullif(note, ''), cancelled || ' queued pages and steps cancelled'));
	RETURN true;
END $$;
COMMENT ON FUNCTION acknowledge(text, text, text) IS
	'actor answers for the incident: nothing more is sent for what has happened so far. False: it was answered before';

CREATE FUNCTION verify(incident_id text, verdict text, actor text, note text DEFAULT '') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	i incident := lock_incident(verify.incident_id);
	cancelled integer;
BEGIN
	PERFORM check_actor(actor);
	IF verify.verdict IS NULL OR verify.verdict NOT IN ('real_fire', 'false_alarm', 'test', 'maintenance', 'unknown') THEN
		RAISE EXCEPTION 'verdict must be real_fire, false_alarm, test, maintenance or unknown, not %',
			coalesce(quote_literal(verify.verdict), 'null') USING ERRCODE = '22023';
	END IF;
	IF i.closed_trigger >= i.trigger_count THEN
		RAISE EXCEPTION 'incident % is closed', i.incident_id USING ERRCODE = 'FW001';
	END IF;
	IF i.verdict IS NOT DISTINCT FROM verify.verdict AND i.acknowledged_trigger >= i.trigger_count THEN
		RETURN false;
	END IF;
	cancelled := cancel_queued(i.incident_id, verify.verdict <> 'real_fire');
	UPDATE incident t SET verdict = verify.verdict, verified_at = clock_timestamp(), verified_by = actor,
		acknowledged_trigger = i.trigger_count,
		acknowledged_at = CASE WHEN i.acknowledged_trigger < i.trigger_count THEN clock_timestamp() ELSE t.acknowledged_at END,
		acknowledged_by = CASE WHEN i.acknowledged_trigger < i.trigger_count THEN actor ELSE t.acknowledged_by END
	WHERE t.incident_id = i.incident_id AND t.division = i.division;
	PERFORM write_act(i, 'verified', actor,
		concat_ws('; ', verify.verdict, nullif(note, ''), cancelled || ' queued pages and steps cancelled'));
	RETURN true;
END $$;
COMMENT ON FUNCTION verify(text, text, text, text) IS
	'actor says what it is; counts as an answer. real_fire sends every step of the policy that was not sent yet';

CREATE FUNCTION close_incident(incident_id text, actor text, note text DEFAULT '') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	i incident := lock_incident(close_incident.incident_id);
	cancelled integer;
BEGIN
	PERFORM check_actor(actor);
	IF i.closed_trigger >= i.trigger_count THEN
		RETURN false;
	END IF;
	IF i.verdict IS NULL THEN
		RAISE EXCEPTION 'incident % has no verdict yet: verify it first', i.incident_id USING ERRCODE = 'FW001';
	END IF;
	cancelled := cancel_queued(i.incident_id, true);
	UPDATE incident t SET closed_trigger = i.trigger_count, closed_at = clock_timestamp(), closed_by = actor
	WHERE t.incident_id = i.incident_id AND t.division = i.division;
	PERFORM write_act(i, 'closed', actor,
		concat_ws('; ', nullif(note, ''), cancelled || ' queued pages and steps cancelled'));
	RETURN true;
END $$;
COMMENT ON FUNCTION close_incident(text, text, text) IS
	'actor ends the incident; it must have a verdict. False: it was closed before';

CREATE FUNCTION replay_quarantined(quarantine_id text, actor text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	q quarantined;
BEGIN
	PERFORM check_actor(actor);
	SELECT * INTO q FROM quarantined t WHERE t.quarantine_id = replay_quarantined.quarantine_id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no quarantined message %', replay_quarantined.quarantine_id USING ERRCODE = 'P0002';
	END IF;
	IF q.replay_outcome IN ('recorded', 'duplicate') THEN
		RETURN false;
	END IF;
	UPDATE quarantined t SET replay_by = actor, replay_at = clock_timestamp(), replayed_at = NULL, replay_outcome = NULL
	WHERE t.quarantine_id = q.quarantine_id AND t.device = q.device;
	PERFORM pg_notify('firewatch_quarantine', q.quarantine_id);
	RETURN true;
END $$;
COMMENT ON FUNCTION replay_quarantined(text, text) IS
	'Asks the daemon to take the message in again; replay_outcome tells what became of it. False: it is recorded already';

-- ---------------------------------------------------------------- who may do what

GRANT USAGE ON SCHEMA firewatch TO firewatch_daemon, firewatch_api, firewatch_operator;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA firewatch FROM PUBLIC;

GRANT SELECT ON alarm_history, incident_history, incident_timeline, notification_history, reading_history, device_state,
	sequence_gap, quarantine TO firewatch_api, firewatch_operator;
GRANT SELECT ON division, site, site_category, class, quantity, person, duty, policy, device, schema_migration
	TO firewatch_api, firewatch_operator;
GRANT EXECUTE ON FUNCTION seq(bigint), incident_state(integer, integer, integer)
	TO firewatch_api, firewatch_operator, firewatch_daemon;
GRANT EXECUTE ON FUNCTION acknowledge(text, text, text), verify(text, text, text, text), close_incident(text, text, text)
	TO firewatch_api, firewatch_operator;
GRANT EXECUTE ON FUNCTION replay_quarantined(text, text) TO firewatch_operator;

-- The daemon reads the town, adds unclaimed devices, writes records, and deletes nothing.
GRANT SELECT ON ALL TABLES IN SCHEMA firewatch TO firewatch_daemon;
GRANT INSERT ON report, duplicate, quarantined, sequence_ledger, device_status, incident, alarm, page_step, notification,
	timeline, checkpoint, ledger_mark, device TO firewatch_daemon;
GRANT UPDATE ON sequence_ledger, device_status, alarm, page_step, notification, checkpoint, ledger_mark TO firewatch_daemon;
GRANT UPDATE (class, severity, confirmed_at, alarm_count, trigger_count) ON incident TO firewatch_daemon;
GRANT UPDATE (replayed_at, replay_outcome) ON quarantined TO firewatch_daemon;
GRANT EXECUTE ON FUNCTION make_partitions(integer), drop_partitions(integer) TO firewatch_daemon;
