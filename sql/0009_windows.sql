-- SPDX-License-Identifier: Apache-2.0
--
-- Test and maintenance windows: a person declares at the centre that a site, a zone of it or one device is tested or worked on,
-- from when until when.  What is raised in it is recorded and shown, but calls nobody outside the site.  Never open-ended: what is
-- forgotten ends by itself.  SQLSTATEs as in 0003.

CREATE TABLE test_window (
	window_id    text NOT NULL,             -- site~start~number
	division     text NOT NULL,             -- of the site, when it was declared
	site         text NOT NULL,
	zone         text NOT NULL DEFAULT '',  -- empty: all of them
	device       text NOT NULL DEFAULT '',  -- likewise
	mode         text NOT NULL CHECK (mode IN ('test', 'maintenance')),
	reason       text NOT NULL CHECK (btrim(reason) <> ''),
	declared_by  text NOT NULL CHECK (btrim(declared_by) <> ''),
	declared_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	starts_at    timestamptz NOT NULL,
	ends_at      timestamptz NOT NULL,      -- from, until but not at
	ended_at     timestamptz,               -- when a person ended it, before ends_at
	ended_by     text,
	note         text NOT NULL DEFAULT '',  -- of whoever ended it
	announced_at timestamptz,               -- when the daemon said that it is over
	PRIMARY KEY (window_id, division),
	CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '7 days'),
	CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX ON test_window (site, starts_at);
CREATE INDEX ON test_window (starts_at);
CREATE INDEX ON test_window (ends_at) WHERE announced_at IS NULL;
COMMENT ON TABLE test_window IS 'Declared by declare_window, ended by end_window or by time; nothing of it is deleted';

ALTER TABLE page_step ADD COLUMN site_only boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN page_step.site_only IS 'Its trigger is inside a window: for people on duty for the site itself';

CREATE FUNCTION window_state(starts_at timestamptz, ends_at timestamptz, ended_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN ended_at IS NOT NULL OR ends_at <= now() THEN 'ended'
            WHEN starts_at <= now() THEN 'active'
            ELSE 'planned' END;
COMMENT ON FUNCTION window_state(timestamptz, timestamptz, timestamptz) IS 'planned, active or ended, now';

CREATE VIEW test_window_history AS
SELECT w.window_id, w.division, w.site, coalesce(s.name, '') AS site_name, w.zone, w.device, w.mode,
       window_state(w.starts_at, w.ends_at, w.ended_at) AS state,
       w.declared_by, w.reason, w.declared_at, w.starts_at, w.ends_at, w.ended_at, w.ended_by, w.note, w.announced_at
FROM test_window w
LEFT JOIN site s ON s.site = w.site;
COMMENT ON VIEW test_window_history IS 'Every test and maintenance window: who declared it, why, from when until when';

CREATE FUNCTION tell_window_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = firewatch, pg_temp AS $$
BEGIN
	PERFORM pg_notify('firewatch_window', NEW.window_id);
	RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_window_changed() IS 'Notifies firewatch_window, on which the daemon reads the windows again';

CREATE TRIGGER window_changed AFTER INSERT OR UPDATE OF starts_at, ends_at, ended_at, site, zone, device, mode ON test_window
	FOR EACH ROW EXECUTE FUNCTION tell_window_changed();

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = firewatch, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'rows of % stay as they are', TG_TABLE_NAME USING ERRCODE = 'FW001';
END $$;
COMMENT ON FUNCTION refuse_change() IS 'For triggers: what nobody may do, the owner of the table neither';

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON test_window
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_window_place(of_site text, of_zone text, of_device text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	d record;
BEGIN
	IF of_device <> '' THEN
		-- a gateway's child without a site is where its gateway is
		SELECT t.zone, coalesce(t.site, p.site) AS site INTO d
		FROM device t LEFT JOIN device p ON p.device = t.parent WHERE t.device = of_device;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'no device %', of_device USING ERRCODE = 'P0002';
		ELSIF d.site IS DISTINCT FROM of_site THEN
			RAISE EXCEPTION 'device % is not of site % but of %', of_device, of_site, coalesce(d.site, 'none')
				USING ERRCODE = '22023';
		ELSIF of_zone <> '' AND d.zone <> of_zone THEN
			RAISE EXCEPTION 'device % is not in zone % but in %', of_device, of_zone, coalesce(nullif(d.zone, ''), 'none')
				USING ERRCODE = '22023';
		END IF;
	ELSIF of_zone <> '' AND NOT EXISTS (SELECT FROM device t LEFT JOIN device p ON p.device = t.parent
			WHERE t.zone = of_zone AND coalesce(t.site, p.site) = of_site) THEN
		RAISE EXCEPTION 'no zone % in site %', of_zone, of_site USING ERRCODE = 'P0002';
	END IF;
END $$;
COMMENT ON FUNCTION check_window_place(text, text, text) IS 'Refuses a device that is not of the site, and a zone without devices';

CREATE FUNCTION check_window_time(starts_at timestamptz, ends_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF ends_at IS NULL OR NOT isfinite(ends_at) THEN
		RAISE EXCEPTION 'a window needs an end' USING ERRCODE = '22023';
	ELSIF starts_at < clock_timestamp() - interval '1 minute' THEN
		RAISE EXCEPTION 'a window cannot begin in the past' USING ERRCODE = '22023';
	ELSIF ends_at <= clock_timestamp() THEN
		RAISE EXCEPTION 'a window cannot end in the past' USING ERRCODE = '22023';
	ELSIF ends_at <= starts_at THEN
		RAISE EXCEPTION 'a window must end after it begins' USING ERRCODE = '22023';
	ELSIF ends_at > starts_at + interval '7 days' THEN
		RAISE EXCEPTION 'a window lasts at most 7 days' USING ERRCODE = '22023';
	END IF;
END $$;
COMMENT ON FUNCTION check_window_time(timestamptz, timestamptz) IS 'A minute of the past is allowed: clocks differ';

CREATE FUNCTION declare_window(site text, zone text, device text, mode text, reason text, starts_at timestamptz,
	ends_at timestamptz, actor text, OUT window_id text, OUT declared boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	of_site site;
	of_zone text := coalesce(declare_window.zone, '');
	of_device text := coalesce(declare_window.device, '');
	begins timestamptz := coalesce(declare_window.starts_at, clock_timestamp());
	prefix text;
BEGIN
	PERFORM check_actor(actor);
	IF declare_window.mode IS NULL OR declare_window.mode NOT IN ('test', 'maintenance') THEN
		RAISE EXCEPTION 'mode must be test or maintenance, not %', coalesce(quote_literal(declare_window.mode), 'null')
			USING ERRCODE = '22023';
	ELSIF coalesce(btrim(declare_window.reason), '') = '' THEN
		RAISE EXCEPTION 'a window needs a reason' USING ERRCODE = '22023';
	END IF;
	SELECT * INTO of_site FROM site s WHERE s.site = declare_window.site;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no site %', coalesce(declare_window.site, 'null') USING ERRCODE = 'P0002';
	END IF;
	PERFORM check_window_place(of_site.site, of_zone, of_device);
	PERFORM check_window_time(begins, declare_window.ends_at);
	-- one at a time for a site: an answer that was lost and asked for again finds what it has declared
	PERFORM pg_advisory_xact_lock(hashtextextended('firewatch.window~' || of_site.site, 0));
	SELECT w.window_id INTO declare_window.window_id FROM test_window w
	WHERE w.site = of_site.site AND w.zone = of_zone AND w.device = of_device AND w.mode = declare_window.mode
	  AND w.starts_at = begins AND w.ends_at = declare_window.ends_at AND w.ended_at IS NULL;
	declared := declare_window.window_id IS NULL;
	IF NOT declared THEN
		RETURN;
	END IF;
	prefix := of_site.site || '~' || to_char(begins AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') || '~';
	SELECT prefix || count(*) + 1 INTO declare_window.window_id FROM test_window w
	WHERE w.site = of_site.site AND starts_with(w.window_id, prefix);
	INSERT INTO test_window (window_id, division, site, zone, device, mode, reason, declared_by, starts_at, ends_at)
	VALUES (declare_window.window_id, of_site.division, of_site.site, of_zone, of_device, declare_window.mode,
		declare_window.reason, actor, begins, declare_window.ends_at);
END $$;
COMMENT ON FUNCTION declare_window(text, text, text, text, text, timestamptz, timestamptz, text) IS
	'actor declares a window; zone and device may be empty, starts_at null is now.  Not declared: it was already, the same';

CREATE FUNCTION end_window(window_id text, actor text, note text DEFAULT '') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
#variable_conflict use_column
DECLARE
	w test_window;
BEGIN
	PERFORM check_actor(actor);
	SELECT * INTO w FROM test_window t WHERE t.window_id = end_window.window_id FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no window %', end_window.window_id USING ERRCODE = 'P0002';
	ELSIF w.ended_at IS NOT NULL OR w.ends_at <= clock_timestamp() THEN
		RETURN false;
	END IF;
	UPDATE test_window t SET ended_at = clock_timestamp(), ended_by = actor, note = coalesce(end_window.note, '')
	WHERE t.window_id = w.window_id AND t.division = w.division;
	RETURN true;
END $$;
COMMENT ON FUNCTION end_window(text, text, text) IS
	'actor ends a window early, or calls off one that has not begun.  False: it was over before';

-- ---------------------------------------------------------------- who may do what

REVOKE EXECUTE ON FUNCTION window_state(timestamptz, timestamptz, timestamptz), tell_window_changed(), refuse_change(),
	check_window_place(text, text, text), check_window_time(timestamptz, timestamptz),
	declare_window(text, text, text, text, text, timestamptz, timestamptz, text), end_window(text, text, text) FROM PUBLIC;
GRANT SELECT ON test_window_history TO firewatch_api, firewatch_operator, firewatch_daemon;
GRANT EXECUTE ON FUNCTION window_state(timestamptz, timestamptz, timestamptz) TO firewatch_api, firewatch_operator, firewatch_daemon;
GRANT EXECUTE ON FUNCTION declare_window(text, text, text, text, text, timestamptz, timestamptz, text),
	end_window(text, text, text) TO firewatch_api, firewatch_operator;
GRANT SELECT, UPDATE (announced_at) ON test_window TO firewatch_daemon;
