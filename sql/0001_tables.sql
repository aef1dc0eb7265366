-- SPDX-License-Identifier: Apache-2.0
--
-- Tables of firewatch.  Two kinds:
--   * town data (division, site, device, person, duty, policy and the small code tables): small, imported,
--     to be replicated to every node of a PostgreSQL cluster;
--   * records (everything else): every primary key holds the division or the device, so that they can be
--     distributed by it.
-- Applied inside one transaction by `firewatchctl db migrate`, which has made the schema.
-- Others build on the views and functions of 0002 and 0003, never on these tables.

-- Least privilege: group roles without login.  A deployment grants them to its login roles.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['firewatch_daemon', 'firewatch_api', 'firewatch_operator'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', name);
		END IF;
	END LOOP;
END $$;

-- ---------------------------------------------------------------- code tables

CREATE TABLE site_category (
	category text PRIMARY KEY,
	name     text NOT NULL
);
COMMENT ON TABLE site_category IS 'What kinds of site there are; an administrator and the import add to it';
INSERT INTO site_category (category, name) VALUES
	('household', '住宅'), ('elderly_household', '独居老人、特殊群体家庭'), ('group_rental', '群租房'),
	('self_built_house', '农村自建房'), ('small_shop', '小单位、小场所'), ('nursing_home', '养老机构'),
	('school', '学校'), ('hospital', '医院'), ('energy_storage', '储能电站'), ('livestream', '直播带货'),
	('old_estate', '老旧小区'), ('factory', '厂房'), ('warehouse', '库房'), ('gas_site', '燃气场所');

CREATE TABLE class (
	class    text PRIMARY KEY,
	rank     smallint NOT NULL UNIQUE, -- 0 is the highest
	severity text NOT NULL,            -- ITU-T X.733 perceived severity
	name     text NOT NULL
);
COMMENT ON TABLE class IS 'Alarm classes, highest first';
INSERT INTO class (class, rank, severity, name) VALUES
	('fire', 0, 'critical', '火警'), ('gas', 1, 'critical', '燃气泄漏'), ('electrical', 2, 'major', '电气火灾隐患'),
	('pre_alarm', 3, 'major', '预警'), ('supervisory', 4, 'minor', '监管'), ('fault', 5, 'minor', '故障'),
	('disabled', 6, 'minor', '屏蔽'), ('power', 7, 'warning', '电源'), ('tamper', 8, 'warning', '防拆'),
	('offline', 9, 'warning', '离线'), ('test', 10, 'indeterminate', '测试');

CREATE TABLE quantity (
	code     integer PRIMARY KEY,
	quantity text NOT NULL UNIQUE
);
COMMENT ON TABLE quantity IS 'Names of the wire contract''s Quantity; a code that is not here shows as quantity_N';
INSERT INTO quantity (code, quantity) VALUES
	(0, 'unspecified'), (1, 'temperature_celsius'), (2, 'smoke_db_per_m'), (3, 'residual_current_ma'),
	(4, 'pressure_kpa'), (5, 'level_m'), (6, 'gas_percent_lel'), (7, 'voltage_v'), (8, 'current_a'),
	(9, 'flow_l_per_s'), (10, 'humidity_percent'), (11, 'contamination_percent'), (12, 'count'), (13, 'co_ppm');

-- ---------------------------------------------------------------- town data

CREATE TABLE division (
	division text PRIMARY KEY CHECK (division ~ '^[0-9]{6,15}$'),
	parent   text REFERENCES division DEFERRABLE INITIALLY DEFERRED,
	name     text NOT NULL,
	level    text NOT NULL CHECK (level IN ('city', 'district', 'town', 'village', 'grid'))
);
COMMENT ON TABLE division IS 'Administrative divisions; duty and escalation follow parent upward';

CREATE TABLE site (
	site      text PRIMARY KEY,
	name      text NOT NULL,
	division  text NOT NULL REFERENCES division,
	category  text NOT NULL REFERENCES site_category,
	risk      text NOT NULL DEFAULT 'normal' CHECK (risk IN ('normal', 'high')),
	address   text NOT NULL DEFAULT '',
	latitude  double precision,
	longitude double precision,
	contact   text NOT NULL DEFAULT ''
);
CREATE INDEX ON site (division);

CREATE TABLE device (
	device        text PRIMARY KEY,
	parent        text,                     -- the gateway it may report through
	site          text REFERENCES site,     -- null: unclaimed
	division      text NOT NULL,            -- of its site; of the topic while unclaimed
	zone          text NOT NULL DEFAULT '',
	kind          text NOT NULL DEFAULT '',
	model         text NOT NULL DEFAULT '',
	maker         text NOT NULL DEFAULT '',
	installed_on  date,
	heartbeat_s   integer,
	registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON device (site);
CREATE INDEX ON device (parent) WHERE parent IS NOT NULL;

CREATE TABLE person (
	person  text PRIMARY KEY,
	name    text NOT NULL,
	phone   text NOT NULL DEFAULT '',
	email   text NOT NULL DEFAULT '',
	webhook text NOT NULL DEFAULT ''
);

CREATE TABLE duty (
	division  text NOT NULL REFERENCES division,
	site      text NOT NULL DEFAULT '',     -- empty: all sites of the division
	role      text NOT NULL,
	person    text NOT NULL REFERENCES person,
	starts_at timestamptz NOT NULL,
	ends_at   timestamptz NOT NULL DEFAULT 'infinity',
	CHECK (ends_at > starts_at),
	PRIMARY KEY (division, site, role, person, starts_at)
);

CREATE TABLE policy (
	class    text NOT NULL REFERENCES class,
	category text NOT NULL DEFAULT '',      -- empty: any
	level    text NOT NULL DEFAULT '',      -- protection level; empty: any
	step     integer NOT NULL CHECK (step > 0),
	after_s  integer NOT NULL CHECK (after_s >= 0),
	role     text NOT NULL,
	channel  text NOT NULL,
	PRIMARY KEY (class, category, level, step, role, channel)
);

-- ---------------------------------------------------------------- records

-- One row for each report, once.  The day is part of the key because PostgreSQL wants the partition key in it;
-- a duplicate of another day is refused by the ledger of the daemon (sequence_ledger).
CREATE TABLE report (
	received_day     date NOT NULL,         -- of received_at, UTC
	device           text NOT NULL,
	boot_id          bigint NOT NULL,
	sequence         bigint NOT NULL,       -- uint64 in its bits: see seq()
	division         text NOT NULL,
	lane             smallint NOT NULL,     -- 0 alarm, 1 telemetry
	journal_position bigint NOT NULL,       -- where its message stands in the lane's journal
	report_index     integer NOT NULL,      -- within its message
	received_at      timestamptz NOT NULL,
	observed_at      timestamptz NOT NULL,  -- received_at where the device's clock is not to be believed
	clock_fault      boolean NOT NULL,
	backfill         boolean NOT NULL,
	mode             integer NOT NULL,      -- as sent: unknown ones are kept, as are unknown quantities
	body             bytea NOT NULL,        -- the Report as the device encoded it
	reading_point    bigint[],
	reading_quantity integer[],
	reading_value    double precision[],
	committed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (received_day, device, boot_id, sequence)
) PARTITION BY RANGE (received_day);
CREATE INDEX ON report USING brin (committed_at) WITH (autosummarize = on);
CREATE INDEX ON report (device, received_at) WHERE reading_value IS NOT NULL;
-- A row always finds a place, even when nobody made its day's partition.
CREATE TABLE report_default PARTITION OF report DEFAULT;

-- A report that came again.  Counted, so that everything received can be named.
CREATE TABLE duplicate (
	received_day     date NOT NULL,
	device           text NOT NULL,
	boot_id          bigint NOT NULL,
	sequence         bigint NOT NULL,
	division         text NOT NULL,
	lane             smallint NOT NULL,
	journal          bigint NOT NULL,       -- the journal's own number: positions repeat when a journal is replaced
	journal_position bigint NOT NULL,
	report_index     integer NOT NULL,      -- within its message
	received_at      timestamptz NOT NULL,
	PRIMARY KEY (received_day, device, lane, journal, journal_position, report_index)
) PARTITION BY RANGE (received_day);
CREATE TABLE duplicate_default PARTITION OF duplicate DEFAULT;

CREATE TABLE quarantined (
	quarantine_id    text NOT NULL,         -- lane-journal-position-report_index: a replay makes the same
	device           text NOT NULL,         -- the topic's; '-' where the topic is not one of ours
	lane             smallint NOT NULL,
	journal_position bigint NOT NULL,
	original_bytes   bigint NOT NULL,       -- of the payload as it came; more than are kept where it was cut
	received_at      timestamptz NOT NULL,
	topic            text NOT NULL,
	reason           text NOT NULL,
	detail           text NOT NULL,
	payload          bytea NOT NULL,
	report_index     integer NOT NULL,      -- within the payload; -1: the message as a whole
	report_device    text,                  -- what it claimed, where that could be read
	boot_id          bigint,
	sequence         bigint,
	committed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	replay_by        text,                  -- who asked for it to be taken in again
	replay_at        timestamptz,
	replayed_at      timestamptz,           -- when it was
	replay_outcome   text,                  -- recorded, duplicate, or why it was refused again
	PRIMARY KEY (quarantine_id, device)
);
CREATE INDEX ON quarantined (received_at);
CREATE INDEX ON quarantined (replay_at) WHERE replay_at IS NOT NULL AND replayed_at IS NULL;

-- What has been received of each boot: everything up to highest but the gaps.  Written behind; at start it is this plus the
-- reports received since ledger_mark.
CREATE TABLE sequence_ledger (
	device         text NOT NULL,
	boot_id        bigint NOT NULL,
	division       text NOT NULL,
	highest        bigint NOT NULL,
	gap_first      bigint[] NOT NULL,
	gap_last       bigint[] NOT NULL,
	gap_opened_us  bigint[] NOT NULL,       -- microseconds since 1970 UTC
	updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (device, boot_id)
);

CREATE TABLE ledger_mark (
	instance        text PRIMARY KEY,
	complete_before timestamptz NOT NULL    -- every report that the instance received before is in sequence_ledger
);
COMMENT ON TABLE ledger_mark IS 'Per instance, not per device: kept on the coordinator of a cluster';

CREATE TABLE device_status (
	device          text PRIMARY KEY,
	last_seen_at    timestamptz NOT NULL,
	last_observed_at timestamptz NOT NULL,
	boot_id         bigint NOT NULL,
	mode            integer NOT NULL,
	clock_fault     boolean NOT NULL,
	battery_percent smallint,
	signal_dbm      integer,
	mains_ok        boolean,
	firmware        text
);

CREATE TABLE incident (
	incident_id          text NOT NULL,     -- device~boot~sequence of the report that opened it
	division             text NOT NULL,
	site                 text NOT NULL,     -- empty: an unclaimed device's
	device               text NOT NULL,     -- whose report opened it
	class                text NOT NULL REFERENCES class,
	severity             text NOT NULL,
	opened_at            timestamptz NOT NULL,
	confirmed_at         timestamptz,
	protection_level     text NOT NULL,
	alarm_count          integer NOT NULL,
	-- Each new cause to call people is a trigger.  The daemon alone writes trigger_count, the functions of 0003 alone
	-- write the rest; the state follows from comparing them, so neither can undo the other.
	trigger_count        integer NOT NULL,
	acknowledged_trigger integer NOT NULL DEFAULT 0,
	acknowledged_at      timestamptz,
	acknowledged_by      text,
	verdict              text CHECK (verdict IN ('real_fire', 'false_alarm', 'test', 'maintenance', 'unknown')),
	verified_at          timestamptz,
	verified_by          text,
	closed_trigger       integer NOT NULL DEFAULT 0,
	closed_at            timestamptz,
	closed_by            text,
	PRIMARY KEY (incident_id, division)
);
CREATE INDEX ON incident (site, opened_at);
CREATE INDEX ON incident (opened_at);
CREATE INDEX ON incident (incident_id) WHERE closed_trigger < trigger_count;
CREATE INDEX ON incident (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE alarm (
	alarm_id         text NOT NULL,         -- device~boot~sequence~event
	device           text NOT NULL,
	incident_id      text NOT NULL,
	division         text NOT NULL,
	site             text NOT NULL,
	zone             text NOT NULL,
	point            bigint NOT NULL,
	class            text NOT NULL REFERENCES class,
	severity         text NOT NULL,
	conditions       integer NOT NULL,      -- bit n: Condition n is raised now, or was when it ended
	system_type      bigint NOT NULL,       -- uint32 on the wire
	component_type   bigint NOT NULL,
	mode             integer NOT NULL,      -- of the report that opened it
	backfill         boolean NOT NULL,
	observed_at      timestamptz NOT NULL,
	received_at      timestamptz NOT NULL,
	committed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	last_seen_at     timestamptz NOT NULL,
	report_count     integer NOT NULL,
	restored_at      timestamptz,
	raised_boot      bigint NOT NULL,       -- of the last report that raised it
	raised_sequence  bigint NOT NULL,
	protection_level text NOT NULL,
	reason           text NOT NULL,         -- the rule that made it, in words
	text             text NOT NULL,
	PRIMARY KEY (alarm_id, device)
);
CREATE UNIQUE INDEX alarm_one_open ON alarm (device, point, class) WHERE restored_at IS NULL;
CREATE INDEX ON alarm (incident_id);
CREATE INDEX ON alarm (incident_id) WHERE restored_at IS NULL;
CREATE INDEX ON alarm (received_at);
CREATE INDEX ON alarm (site, received_at);

-- What is to be done next for an incident: a line of its policy, with the moment it is due.
CREATE TABLE page_step (
	incident_id text NOT NULL,
	division    text NOT NULL,
	trigger     integer NOT NULL,
	step        integer NOT NULL,
	role        text NOT NULL,
	channel     text NOT NULL,
	due_at      timestamptz NOT NULL,
	forced      boolean NOT NULL,           -- done though the incident is answered: a confirmed or verified fire
	state       text NOT NULL CHECK (state IN ('queued', 'done', 'cancelled')),
	PRIMARY KEY (incident_id, trigger, step, role, channel, division)
);
CREATE INDEX ON page_step (due_at) WHERE state = 'queued';

-- One page to one person.
CREATE TABLE notification (
	notification_id text NOT NULL,          -- incident~trigger~step~person~channel
	incident_id     text NOT NULL,
	division        text NOT NULL,
	trigger         integer NOT NULL,
	step            integer NOT NULL,
	role            text NOT NULL,
	person          text NOT NULL,
	channel         text NOT NULL,
	target          text NOT NULL,
	forced          boolean NOT NULL,       -- likewise
	due_at          timestamptz NOT NULL,
	sent_at         timestamptz,            -- when the last attempt was claimed
	attempts        integer NOT NULL,
	state           text NOT NULL CHECK (state IN ('queued', 'sent', 'delivered', 'failed', 'cancelled')),
	error           text NOT NULL DEFAULT '',
	PRIMARY KEY (notification_id, division)
);
CREATE INDEX ON notification (incident_id);
CREATE INDEX ON notification (due_at) WHERE state IN ('queued', 'sent');

CREATE TABLE timeline (
	incident_id text NOT NULL,
	division    text NOT NULL,
	entry       bigint GENERATED ALWAYS AS IDENTITY,
	key         text NOT NULL,              -- derived from its cause, so that a replay adds nothing
	at          timestamptz NOT NULL,
	kind        text NOT NULL,
	actor       text NOT NULL,
	detail      text NOT NULL,
	written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (incident_id, key, division)
);
CREATE INDEX ON timeline (incident_id, entry);

-- How far each lane's journal is recorded; written in the transaction that records it.
CREATE TABLE checkpoint (
	instance   text NOT NULL,
	lane       smallint NOT NULL,
	journal    bigint NOT NULL,
	position   bigint NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (instance, lane)
);
COMMENT ON TABLE checkpoint IS 'Per instance, not per device: kept on the coordinator of a cluster';

-- ---------------------------------------------------------------- partitions and retention
--
-- Both give up rather than let the lanes queue up behind a lock they wait for; the daemon calls them every hour.

CREATE FUNCTION make_partitions(days_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
	day date;
	base text;
	made integer := 0;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('firewatch.make_partitions'));
	FOREACH base IN ARRAY ARRAY['report', 'duplicate'] LOOP
		FOR i IN -1 .. days_ahead LOOP
			day := (now() AT TIME ZONE 'UTC')::date + i;
			IF to_regclass(format('firewatch.%I', base || to_char(day, '_YYYYMMDD'))) IS NULL THEN
				BEGIN
					EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
						base || to_char(day, '_YYYYMMDD'), base, day, day + 1);
					made := made + 1;
				EXCEPTION WHEN check_violation THEN
					-- rows of that day are in the default partition already: they stay there
					NULL;
				END;
			END IF;
		END LOOP;
	END LOOP;
	RETURN made;
END $$;
COMMENT ON FUNCTION make_partitions(integer) IS 'Makes the partitions of yesterday to days_ahead days from now; how many were made';

CREATE FUNCTION drop_partitions(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = firewatch, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
	part text;
	dropped integer := 0;
BEGIN
	IF keep_days < 1 THEN
		RAISE EXCEPTION 'keep_days must be at least 1' USING ERRCODE = '22023';
	END IF;
	FOR part IN
		SELECT c.relname FROM pg_inherits h
		JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent IN ('firewatch.report'::regclass, 'firewatch.duplicate'::regclass)
		  AND c.relname ~ '_[0-9]{8}$'
		  AND to_date(right(c.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date - keep_days
	LOOP
		EXECUTE format('DROP TABLE %I', part);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $$;
COMMENT ON FUNCTION drop_partitions(integer) IS 'Drops partitions of reports older than keep_days; alarms and timelines stay';

SELECT make_partitions(7);

-- ---------------------------------------------------------------- the daemon hears of changes of the town

CREATE FUNCTION tell_town_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = firewatch, pg_temp AS $$
BEGIN
	PERFORM pg_notify('firewatch_town', TG_TABLE_NAME);
	RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_town_changed() IS 'Notifies firewatch_town, on which the daemon reads the town again';

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['division', 'site', 'person', 'duty', 'policy'] LOOP
		EXECUTE format('CREATE TRIGGER town_changed AFTER INSERT OR UPDATE OR DELETE ON %I '
			'FOR EACH STATEMENT EXECUTE FUNCTION tell_town_changed()', name);
	END LOOP;
END $$;
CREATE TRIGGER town_changed AFTER UPDATE OR DELETE ON device
	FOR EACH STATEMENT EXECUTE FUNCTION tell_town_changed();
-- Unclaimed devices are the daemon's own doing.
CREATE TRIGGER town_grew AFTER INSERT ON device
	FOR EACH ROW WHEN (NEW.site IS NOT NULL) EXECUTE FUNCTION tell_town_changed();
