-- SPDX-License-Identifier: Apache-2.0
--
-- Several daemons on one database: of those of one instance one is active, the others wait.
--
-- The active one holds the instance's lease and renews it.  Whoever waits takes it when it has seen no renewal for some
-- seconds, which raises the fence; a transaction of the daemon that held it before is refused from then on, however late
-- it comes.  No clock of two machines is compared.

CREATE TABLE lease (
	instance   text PRIMARY KEY,
	holder     text NOT NULL,               -- the number of its alarm journal; empty: given back
	fence      bigint NOT NULL,             -- how often the lease was taken
	renewals   bigint NOT NULL,             -- since then
	told       text NOT NULL,               -- of the holder, for people: host and process
	taken_at   timestamptz NOT NULL,
	renewed_at timestamptz NOT NULL
);
COMMENT ON TABLE lease IS 'Which daemon of an instance is active.  Per instance, not per device: kept on the coordinator of a cluster';

CREATE FUNCTION lease_lock(instance text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT
RETURN hashtextextended('firewatch.lease.' || instance, 0);
COMMENT ON FUNCTION lease_lock(text) IS
	'Advisory lock that a batch holds shared while it is under way, and a take-over alone';

CREATE FUNCTION enter_batch(instance text, fence bigint) RETURNS void
LANGUAGE plpgsql SET search_path = firewatch, pg_temp AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(lease_lock(enter_batch.instance));
	PERFORM FROM lease l WHERE l.instance = enter_batch.instance AND l.fence = enter_batch.fence;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'another daemon has taken over instance %', enter_batch.instance USING ERRCODE = 'FW002';
	END IF;
END $$;
COMMENT ON FUNCTION enter_batch(text, bigint) IS
	'First in each transaction of a lane: refuses it (FW002) unless the lease is held, and keeps it held until the end';

CREATE FUNCTION expect_all(inserted bigint, wanted bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF inserted < wanted THEN
		RAISE EXCEPTION '% of % reports are recorded already', wanted - inserted, wanted USING ERRCODE = 'FW003';
	END IF;
END $$;
COMMENT ON FUNCTION expect_all(bigint, bigint) IS
	'Refuses a transaction (FW003) whose state was decided from a report that the database knows';

CREATE FUNCTION take_lease(instance text, holder text, process text, told text, seen_fence bigint, seen_renewals bigint)
	RETURNS bigint
LANGUAGE plpgsql SET search_path = firewatch, pg_temp SET lock_timeout = '4s' AS $$
DECLARE
	old lease;
	session record;
BEGIN
	INSERT INTO lease VALUES (take_lease.instance, '', 0, 0, '', clock_timestamp(), clock_timestamp()) ON CONFLICT DO NOTHING;
	SELECT * INTO old FROM lease l WHERE l.instance = take_lease.instance FOR UPDATE;
	IF (old.fence, old.renewals) IS DISTINCT FROM (seen_fence, seen_renewals)
	   AND old.holder NOT IN ('', take_lease.holder) THEN
		RETURN NULL; -- it is alive, or another was quicker
	END IF;
	-- A stopped process may have left a transaction open; its sessions are named firewatchd/lane/holder/process.
	FOR session IN
		SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND old.holder <> ''
		  AND application_name LIKE 'firewatchd/%/' || old.holder || '/%'
		  AND application_name NOT LIKE 'firewatchd/%/' || take_lease.holder || '/' || process
	LOOP
		BEGIN
			PERFORM pg_terminate_backend(session.pid, 1000);
		EXCEPTION WHEN insufficient_privilege THEN
			NULL; -- of another role: then the lock below has to be waited for
		END;
	END LOOP;
	PERFORM pg_advisory_xact_lock(lease_lock(take_lease.instance));
	UPDATE lease l SET holder = take_lease.holder, fence = old.fence + 1, renewals = 0, told = take_lease.told,
		taken_at = clock_timestamp(), renewed_at = clock_timestamp()
	WHERE l.instance = take_lease.instance;
	RETURN old.fence + 1;
END $$;
COMMENT ON FUNCTION take_lease(text, text, text, text, bigint, bigint) IS
	'Makes holder the active daemon, if nothing has changed since what was seen, or the lease was given back or is its own. '
	'The new fence, or null';

-- ---------------------------------------------------------------- checkpoints: of each journal, with the batch that wrote it

ALTER TABLE checkpoint
	ADD COLUMN fence bigint NOT NULL DEFAULT 0,     -- of the daemon that wrote the last batch
	ADD COLUMN batch bigint NOT NULL DEFAULT 0,     -- its number, counted by that daemon from 1
	DROP CONSTRAINT checkpoint_pkey,
	ADD PRIMARY KEY (instance, lane, journal);

-- ---------------------------------------------------------------- whose incident it is

ALTER TABLE incident ADD COLUMN instance text NOT NULL DEFAULT '';
COMMENT ON COLUMN incident.instance IS 'The instance that opened it and sees to it; empty: opened before there were several';

-- ---------------------------------------------------------------- messages of a journal whose daemon is not active

CREATE FUNCTION hand_over(lanes smallint[], journals bigint[], positions bigint[], original_bytes bigint[],
	received_ats timestamptz[], topics text[], payloads bytea[], actor text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp AS $$
DECLARE
	added bigint;
BEGIN
	IF coalesce(btrim(actor), '') = '' THEN
		RAISE EXCEPTION 'an actor must be named' USING ERRCODE = '22023';
	END IF;
	INSERT INTO quarantined (quarantine_id, device, lane, journal_position, original_bytes, received_at, topic, reason, detail,
		payload, report_index, replay_by, replay_at)
	SELECT concat_ws('-', CASE m.lane WHEN 0 THEN 'alarm' ELSE 'telemetry' END, m.journal, m.position, 'handed'),
		CASE WHEN split_part(m.topic, '/', 4) ~ '^[A-Za-z0-9_.:-]{1,64}$' THEN split_part(m.topic, '/', 4) ELSE '-' END, m.lane, m.position, m.bytes, m.received_at, m.topic,
		'handed_over', 'of a journal whose daemon is not the active one', m.payload, -1, actor, clock_timestamp()
	FROM unnest(lanes, journals, positions, original_bytes, received_ats, topics, payloads)
		AS m(lane, journal, position, bytes, received_at, topic, payload)
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS added = ROW_COUNT;
	IF added > 0 THEN
		PERFORM pg_notify('firewatch_quarantine', 'handed_over');
	END IF;
	RETURN added;
END $$;
COMMENT ON FUNCTION hand_over(smallint[], bigint[], bigint[], bigint[], timestamptz[], text[], bytea[], text) IS
	'Has the active daemon take in messages of a journal; each once, however often it is handed over. How many were new';

-- ---------------------------------------------------------------- who may do what

REVOKE EXECUTE ON FUNCTION lease_lock(text), enter_batch(text, bigint), expect_all(bigint, bigint),
	take_lease(text, text, text, text, bigint, bigint),
	hand_over(smallint[], bigint[], bigint[], bigint[], timestamptz[], text[], bytea[], text) FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON lease TO firewatch_daemon;
GRANT SELECT ON lease TO firewatch_operator, firewatch_api;
GRANT EXECUTE ON FUNCTION lease_lock(text), enter_batch(text, bigint), expect_all(bigint, bigint),
	take_lease(text, text, text, text, bigint, bigint) TO firewatch_daemon;
GRANT EXECUTE ON FUNCTION hand_over(smallint[], bigint[], bigint[], bigint[], timestamptz[], text[], bytea[], text)
	TO firewatch_daemon, firewatch_operator;
