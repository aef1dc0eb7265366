-- SPDX-License-Identifier: Apache-2.0
--
-- The rules of the town: what a kind of device is, what a reading, a condition, an hour of an important day and a lasting
-- fault mean.  Rows of origin 'standard' come with the schema, each with its source; the import writes rows of origin
-- 'town'.  An empty selector is any; the most particular row counts (daemon/model/rulebook.h), of equals the town's.

CREATE TABLE device_kind (
	kind        text PRIMARY KEY,
	name        text NOT NULL,
	heartbeat_s integer NOT NULL CHECK (heartbeat_s BETWEEN 0 AND 31536000),
	missed      integer NOT NULL DEFAULT 3 CHECK (missed BETWEEN 1 AND 100),
	mains       boolean NOT NULL DEFAULT false,
	origin      text NOT NULL DEFAULT 'town' CHECK (origin IN ('standard', 'town')),
	source      text NOT NULL DEFAULT '' CHECK (origin = 'town' OR source <> '')
);
COMMENT ON TABLE device_kind IS 'Kinds of device: how often one speaks, what is missed before it is offline, what it lives on';
COMMENT ON COLUMN device_kind.heartbeat_s IS 'Where the device''s own row says none; 0: not supervised';
COMMENT ON COLUMN device_kind.missed IS 'Heartbeats, after which it is offline';
COMMENT ON COLUMN device_kind.mains IS 'A power loss of the area takes it off the mains';

CREATE TABLE threshold (
	quantity text NOT NULL CHECK (quantity IN ('temperature_celsius', 'smoke_db_per_m', 'residual_current_ma',
		'pressure_kpa', 'level_m', 'gas_percent_lel', 'voltage_v', 'current_a', 'flow_l_per_s', 'humidity_percent',
		'contamination_percent', 'count', 'co_ppm', 'battery_percent', 'signal_dbm')),
	kind     text NOT NULL DEFAULT '',
	category text NOT NULL DEFAULT '',
	risk     text NOT NULL DEFAULT '' CHECK (risk IN ('', 'normal', 'high')),
	site     text NOT NULL DEFAULT '',
	device   text NOT NULL DEFAULT '',
	class    text NOT NULL REFERENCES class,
	side     text NOT NULL CHECK (side IN ('above', 'below')),
	raise_at double precision CHECK (abs(raise_at) < 'infinity'),
	clear_at double precision CHECK (abs(clear_at) < 'infinity'),
	delay_s  integer NOT NULL DEFAULT 0 CHECK (delay_s BETWEEN 0 AND 604800),
	window_s integer NOT NULL DEFAULT 0 CHECK (window_s BETWEEN 0 AND 604800),
	reason   text NOT NULL CHECK (reason <> ''),
	origin   text NOT NULL DEFAULT 'town' CHECK (origin IN ('standard', 'town')),
	source   text NOT NULL DEFAULT '' CHECK (origin = 'town' OR source <> ''),
	CHECK ((raise_at IS NULL) = (clear_at IS NULL)),
	CHECK (CASE side WHEN 'above' THEN clear_at < raise_at ELSE clear_at > raise_at END),
	-- or no change at all would raise it
	CHECK (window_s = 0 OR CASE side WHEN 'above' THEN raise_at > 0 ELSE raise_at < 0 END)
);
-- One of a value and one of its change for each class and side.
CREATE UNIQUE INDEX threshold_one ON threshold
	(quantity, kind, category, risk, site, device, class, side, (window_s > 0), origin);
COMMENT ON TABLE threshold IS 'When a reading raises an alarm, and when it is over';
COMMENT ON COLUMN threshold.quantity IS
	'Of table quantity; battery_percent and signal_dbm are what a device says of itself, and no Quantity on the wire';
COMMENT ON COLUMN threshold.raise_at IS 'In the quantity''s unit, with window_s its change within that time; null: no such threshold for these devices';
COMMENT ON COLUMN threshold.delay_s IS 'For which it must last';
COMMENT ON COLUMN threshold.window_s IS '0: of the value itself';

CREATE TABLE classification (
	condition      text NOT NULL CHECK (condition ~ '^[A-Z_]+$' AND condition <> 'UNSPECIFIED'),
	component_type integer CHECK (component_type >= 0),
	system_type    integer CHECK (system_type >= 0),
	kind           text NOT NULL DEFAULT '',
	category       text NOT NULL DEFAULT '',
	model          text NOT NULL DEFAULT '',
	class          text NOT NULL REFERENCES class,
	severity       text NOT NULL CHECK (severity IN ('critical', 'major', 'minor', 'warning', 'indeterminate')),
	reason         text NOT NULL CHECK (reason <> ''),
	-- What calls people at once stays what it is.
	CHECK (condition NOT IN ('FIRE', 'MANUAL_CALL', 'WATER_FLOW') OR class = 'fire'),
	CHECK (condition <> 'GAS' OR class = 'gas')
);
CREATE UNIQUE INDEX classification_one ON classification
	(condition, coalesce(component_type, -1), coalesce(system_type, -1), kind, category, model);
COMMENT ON TABLE classification IS
	'The town''s own meaning of a condition; what the standards say is in daemon/core/ and stands where there is no row';
COMMENT ON COLUMN classification.condition IS 'As the wire contract writes it: FAULT';
COMMENT ON COLUMN classification.component_type IS 'A code of GB/T 26875.3; null: any';

CREATE TABLE protection_level (
	level              text PRIMARY KEY CHECK (level IN ('normal', 'elevated', 'highest')),
	timeout_percent    integer NOT NULL CHECK (timeout_percent BETWEEN 1 AND 100),
	pre_alarm_as_alarm boolean NOT NULL,
	extra_role         text NOT NULL DEFAULT '',
	origin             text NOT NULL DEFAULT 'town' CHECK (origin IN ('standard', 'town')),
	source             text NOT NULL DEFAULT '' CHECK (origin = 'town' OR source <> '')
);
COMMENT ON TABLE protection_level IS 'What the protection levels of important days change';
COMMENT ON COLUMN protection_level.timeout_percent IS 'Of the time that a device may be silent';
COMMENT ON COLUMN protection_level.extra_role IS 'Who is paged too, with the first step; empty: nobody';

CREATE TABLE protection (
	division  text NOT NULL REFERENCES division,
	level     text NOT NULL CHECK (level IN ('elevated', 'highest')),
	starts_at timestamptz NOT NULL,
	ends_at   timestamptz NOT NULL CHECK (ends_at < 'infinity'),
	reason    text NOT NULL CHECK (reason <> ''),
	CHECK (ends_at > starts_at),
	PRIMARY KEY (division, level, starts_at)
);
COMMENT ON TABLE protection IS 'When a level is in force in a division and all below it; where several are, the highest counts';

CREATE TABLE hazard_limit (
	class      text NOT NULL REFERENCES class,
	kind       text NOT NULL DEFAULT '',
	category   text NOT NULL DEFAULT '',
	limit_s    integer NOT NULL CHECK (limit_s BETWEEN 1 AND 31536000),
	grade      text NOT NULL CHECK (grade IN ('general', 'major')),
	deadline_s integer NOT NULL CHECK (deadline_s BETWEEN 1 AND 31536000),
	role       text NOT NULL CHECK (role <> ''),
	origin     text NOT NULL DEFAULT 'town' CHECK (origin IN ('standard', 'town')),
	source     text NOT NULL DEFAULT '' CHECK (origin = 'town' OR source <> ''),
	PRIMARY KEY (class, kind, category)
);
COMMENT ON TABLE hazard_limit IS 'How long an alarm of a class may last before it is a hazard';
COMMENT ON COLUMN hazard_limit.grade IS 'general 一般隐患, major 重大隐患';
COMMENT ON COLUMN hazard_limit.deadline_s IS 'For its rectification, from then on';
COMMENT ON COLUMN hazard_limit.role IS 'Who is responsible: whoever is on duty as this';

-- ---------------------------------------------------------------- the standard rows
--
-- "Domain practice" is what centres and makers do where no clause prescribes a number: to be set for the town.

INSERT INTO device_kind (kind, name, heartbeat_s, missed, mains, origin, source) VALUES
	('smoke_alarm', '独立式感烟火灾探测报警器', 86400, 3, false, 'standard',
	 'domain practice: battery and NB-IoT, one heartbeat a day, offline after 2 to 3 missed'),
	('simple_sprinkler', '简易喷淋', 86400, 3, false, 'standard',
	 'domain practice: battery sensor on the pipe, one heartbeat a day'),
	('electrical_monitor', '电气火灾监控探测器', 3600, 3, true, 'standard',
	 'domain practice: on the mains that it watches, readings every few minutes'),
	('residual_current_breaker', '剩余电流保护断路器', 3600, 3, true, 'standard',
	 'domain practice: on the mains that it watches, readings every few minutes'),
	('gas_detector', '可燃气体探测器', 86400, 3, true, 'standard',
	 'domain practice: household detector on the mains, one heartbeat a day'),
	('fire_panel_transmitter', '用户信息传输装置', 3600, 2, true, 'standard',
	 'domain practice: a supervision cycle of at most 2 h between centre and transmitter'),
	('water_sensor', '消防水压、液位传感器', 86400, 3, false, 'standard',
	 'domain practice: battery sensor on a hydrant or tank, one heartbeat a day'),
	('manual_call_point', '手动火灾报警按钮', 86400, 3, false, 'standard',
	 'domain practice: battery and radio, one heartbeat a day'),
	('gateway', '物联网关', 600, 3, true, 'standard',
	 'domain practice: what is behind it is silent with it, so it speaks every few minutes');

INSERT INTO threshold (quantity, kind, category, risk, class, side, raise_at, clear_at, delay_s, window_s, reason, origin, source)
SELECT 'residual_current_ma', kind, '', risk, class, 'above', raise_at, clear_at, delay_s, window_s, reason, 'standard', source
FROM unnest(ARRAY['electrical_monitor', 'residual_current_breaker']) AS kind,
	(VALUES
	('', 'pre_alarm', 300, 240, 30, 0, 'residual current above what leaks by nature',
	 'GB 50116-2013 9.2.3: set points of 300 to 500 mA, from 300 mA on it may start a fire; natural leakage is 100 to 200 mA'),
	('', 'electrical', 500, 400, 10, 0, 'residual current that may start a fire',
	 'GB 50116-2013 9.2.3: the upper set point of 300 to 500 mA'),
	('high', 'pre_alarm', 250, 210, 30, 0, 'residual current above what leaks by nature, at a site of high risk',
	 'GB 50116-2013 9.2.3: between natural leakage, 100 to 200 mA, and the lower set point'),
	('high', 'electrical', 300, 240, 10, 0, 'residual current that may start a fire, at a site of high risk',
	 'GB 50116-2013 9.2.3: the lower set point of 300 to 500 mA'),
	('', 'pre_alarm', 150, 50, 0, 600, 'residual current rises fast',
	 'domain practice: as much as leaks by nature in all, within ten minutes')
	) AS row (risk, class, raise_at, clear_at, delay_s, window_s, reason, source);

INSERT INTO threshold (quantity, kind, category, risk, class, side, raise_at, clear_at, delay_s, window_s, reason, origin, source)
SELECT 'temperature_celsius', 'electrical_monitor', category, risk, class, 'above', raise_at, clear_at, delay_s, window_s,
	reason, 'standard', source
FROM (VALUES
	('', '', 'pre_alarm', 60, 52, 30, 0, 'a cable is hot',
	 'domain practice: 10 degrees below the alarm'),
	('', '', 'electrical', 70, 60, 10, 0, 'a cable is overheated',
	 'domain practice: 65 to 70 degrees of the 45 to 140 that GB 14287.3-2014 lets be set; 70 is what PVC insulation bears'),
	('', 'high', 'pre_alarm', 55, 48, 30, 0, 'a cable is hot, at a site of high risk',
	 'domain practice: 10 degrees below the alarm'),
	('', 'high', 'electrical', 65, 56, 10, 0, 'a cable is overheated, at a site of high risk',
	 'domain practice: the lower of the usual 65 to 70 degrees'),
	('energy_storage', '', 'pre_alarm', 50, 44, 30, 0, 'hot in an energy store',
	 'domain practice: battery rooms are cooled, so earlier than elsewhere'),
	('energy_storage', '', 'electrical', 60, 52, 10, 0, 'overheated in an energy store',
	 'domain practice: battery rooms are cooled, so earlier than elsewhere'),
	('', '', 'pre_alarm', 20, 8, 0, 600, 'a cable heats up fast',
	 'domain practice: a cable under its rated load takes longer than ten minutes for 20 degrees')
	) AS row (category, risk, class, raise_at, clear_at, delay_s, window_s, reason, source);

INSERT INTO threshold (quantity, kind, risk, class, side, raise_at, clear_at, delay_s, reason, origin, source)
SELECT quantity, kind, risk, class, side, raise_at, clear_at, delay_s, reason, 'standard', source
FROM (VALUES
	('smoke_db_per_m', 'smoke_alarm', '', 'pre_alarm', 'above', 0.2, 0.1, 60, 'haze in the chamber',
	 'domain practice: smoke detectors answer somewhere from 0.05 to 0.5 dB/m'),
	('smoke_db_per_m', 'smoke_alarm', '', 'fire', 'above', 0.5, 0.3, 10, 'smoke in which the detector should have alarmed',
	 'domain practice: smoke detectors answer somewhere from 0.05 to 0.5 dB/m'),
	('contamination_percent', 'smoke_alarm', '', 'fault', 'above', 80, 60, 0, 'the chamber is dirty',
	 'domain practice: clean it before it alarms falsely, or no more'),
	('gas_percent_lel', 'gas_detector', '', 'pre_alarm', 'above', 5, 3, 10, 'a little combustible gas',
	 'domain practice: the lower end of the 5 to 25 %LEL at which household detectors alarm'),
	('gas_percent_lel', 'gas_detector', '', 'gas', 'above', 10, 5, 0, 'combustible gas',
	 'domain practice: household detectors alarm at about 10 %LEL'),
	('co_ppm', 'gas_detector', '', 'pre_alarm', 'above', 50, 30, 600, 'carbon monoxide',
	 'EN 50291: an alarm after 60 to 90 min of 50 ppm; as a warning earlier'),
	('co_ppm', 'gas_detector', '', 'gas', 'above', 100, 50, 120, 'carbon monoxide that makes people ill',
	 'EN 50291: an alarm after 10 to 40 min of 100 ppm, and within 3 min of 300 ppm; here both within 2 min'),
	('pressure_kpa', 'water_sensor', '', 'fault', 'below', 80, 90, 300, 'water pressure is hardly enough',
	 'domain practice: a little above the least'),
	('pressure_kpa', 'water_sensor', '', 'supervisory', 'below', 70, 78, 60, 'water pressure is too low to fight a fire',
	 'GB 50974-2014 5.2.2: a static pressure of at least 0.07 to 0.15 MPa, by the building'),
	('pressure_kpa', 'water_sensor', 'high', 'fault', 'below', 120, 130, 300,
	 'water pressure is hardly enough, at a site of high risk', 'domain practice: a little above the least'),
	('pressure_kpa', 'water_sensor', 'high', 'supervisory', 'below', 100, 110, 60,
	 'water pressure is too low to fight a fire, at a site of high risk',
	 'GB 50974-2014 5.2.2: a static pressure of at least 0.07 to 0.15 MPa, by the building'),
	('pressure_kpa', 'simple_sprinkler', '', 'fault', 'below', 120, 130, 300, 'pressure for the sprinklers is hardly enough',
	 'domain practice: a little above the least'),
	('pressure_kpa', 'simple_sprinkler', '', 'supervisory', 'below', 100, 110, 60, 'pressure is too low for the sprinklers',
	 'GB 50974-2014 5.2.2: at least 0.10 MPa for automatic systems'),
	('level_m', 'water_sensor', '', 'fault', 'below', 1, 1.2, 300, 'the water in the tank goes down',
	 'domain practice: to be set for the tank'),
	('level_m', 'water_sensor', '', 'supervisory', 'below', 0.5, 0.7, 60, 'the tank is nearly empty',
	 'domain practice: to be set for the tank')
	) AS row (quantity, kind, risk, class, side, raise_at, clear_at, delay_s, reason, source);

INSERT INTO threshold (quantity, kind, category, class, side, raise_at, clear_at, delay_s, reason, origin, source)
SELECT 'pressure_kpa', 'water_sensor', category, class, 'below', raise_at, clear_at, delay_s, reason, 'standard', source
FROM unnest(ARRAY['factory', 'warehouse']) AS category,
	(VALUES
	('fault', 120, 130, 300, 'water pressure is hardly enough for industry', 'domain practice: a little above the least'),
	('supervisory', 100, 110, 60, 'water pressure is too low to fight a fire in industry',
	 'GB 50974-2014 5.2.2: industrial buildings at least 0.10 MPa')
	) AS row (class, raise_at, clear_at, delay_s, reason, source);

INSERT INTO threshold (quantity, kind, class, side, raise_at, clear_at, window_s, reason, origin, source)
SELECT 'battery_percent', kind, class, 'below', raise_at, clear_at, window_s, reason, 'standard', source
FROM unnest(ARRAY['smoke_alarm', 'simple_sprinkler', 'gas_detector', 'water_sensor', 'manual_call_point']) AS kind,
	(VALUES
	('power', 20, 30, 0, 'the battery goes down: change it', 'domain practice: a month or more before it is empty'),
	('fault', 8, 15, 0, 'the battery is nearly empty: the device will fall silent', 'domain practice'),
	('fault', -20, -10, 90000, 'the battery goes down too fast',
	 'domain practice: it should last for years; 25 h, so that two daily heartbeats are within it')
	) AS row (class, raise_at, clear_at, window_s, reason, source);

INSERT INTO protection_level (level, timeout_percent, pre_alarm_as_alarm, extra_role, origin, source) VALUES
	('normal', 100, false, '', 'standard', 'domain practice: the ordinary day'),
	('elevated', 50, true, '', 'standard', 'domain practice on important days: timeouts halve, a pre-alarm is an alarm'),
	('highest', 50, true, '', 'standard', 'domain practice on important days: timeouts halve, a pre-alarm is an alarm');

INSERT INTO hazard_limit (class, kind, category, limit_s, grade, deadline_s, role, origin, source) VALUES
	('electrical', '', '', 86400, 'general', 604800, 'grid_member', 'standard',
	 'domain practice: what overheats or leaks for a day is not being mended'),
	('electrical', '', 'energy_storage', 28800, 'major', 259200, 'town_fire_officer', 'standard',
	 'domain practice: a working shift at most in an energy store'),
	('pre_alarm', '', '', 259200, 'general', 604800, 'grid_member', 'standard', 'domain practice: as for a fault'),
	('supervisory', '', '', 86400, 'general', 604800, 'grid_member', 'standard',
	 'domain practice: water or power for fighting a fire is missing'),
	('fault', '', '', 259200, 'general', 604800, 'grid_member', 'standard',
	 'domain practice: grid member the same day, village after 24 h, hazard ledger after 72 h'),
	('disabled', '', '', 86400, 'general', 259200, 'grid_member', 'standard',
	 'domain practice: nothing is seen there meanwhile'),
	('disabled', '', 'nursing_home', 28800, 'major', 86400, 'town_fire_officer', 'standard',
	 'domain practice: where people cannot save themselves'),
	('disabled', '', 'hospital', 28800, 'major', 86400, 'town_fire_officer', 'standard',
	 'domain practice: where people cannot save themselves'),
	('disabled', '', 'school', 28800, 'major', 86400, 'town_fire_officer', 'standard',
	 'domain practice: where people cannot save themselves'),
	('power', '', '', 604800, 'general', 604800, 'grid_member', 'standard',
	 'domain practice: a battery that nobody has changed for a week'),
	('tamper', '', '', 259200, 'general', 604800, 'grid_member', 'standard', 'domain practice: as for a fault'),
	('offline', '', '', 259200, 'general', 604800, 'grid_member', 'standard', 'domain practice: as for a fault'),
	('offline', 'fire_panel_transmitter', '', 86400, 'major', 259200, 'town_fire_officer', 'standard',
	 'domain practice: a whole building is out of sight');

-- ---------------------------------------------------------------- the daemon hears of changes; who may read

DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['device_kind', 'threshold', 'classification', 'protection_level', 'protection', 'hazard_limit']
	LOOP
		EXECUTE format('CREATE TRIGGER town_changed AFTER INSERT OR UPDATE OR DELETE ON %I '
			'FOR EACH STATEMENT EXECUTE FUNCTION tell_town_changed()', name);
	END LOOP;
END $$;

GRANT SELECT ON device_kind, threshold, classification, protection_level, protection, hazard_limit
	TO firewatch_daemon, firewatch_api, firewatch_operator;
