-- SPDX-License-Identifier: Apache-2.0
--
-- What an alarm was judged by, so that it can be explained, and how sure a fire is.

ALTER TABLE alarm ALTER COLUMN conditions TYPE bigint;
COMMENT ON COLUMN alarm.conditions IS
	'What holds it raised, or did when it ended: bit n below 24 is Condition n; 24 offline, 25 began anew, 26 clock, 27 gaps, '
	'28 chatter; 32 + q a threshold of quantity q, 48 + q of its change';
ALTER TABLE alarm
	ADD COLUMN rule              text NOT NULL DEFAULT '',       -- which rule made it: a line of the standard table, of the town's data
	ADD COLUMN data              text NOT NULL DEFAULT '',       -- what was measured or counted, in words
	ADD COLUMN weight            smallint NOT NULL DEFAULT 0,    -- for confirmation: 0 none, 1 supports, 2 detector, 3 strong
	ADD COLUMN was_reset         boolean NOT NULL DEFAULT false, -- ended by a reset, not by its device's word
	ADD COLUMN restored_boot     bigint,                         -- of the report that restored it
	ADD COLUMN restored_sequence bigint;
UPDATE alarm SET weight = 2 WHERE class = 'fire';

ALTER TABLE incident ADD COLUMN confidence text NOT NULL DEFAULT 'single'
	CHECK (confidence IN ('single', 'high', 'confirmed'));
COMMENT ON COLUMN incident.confidence IS 'Of a fire: one detector''s word; of high confidence; confirmed by a second';
UPDATE incident SET confidence = 'confirmed' WHERE confirmed_at IS NOT NULL;
GRANT UPDATE (confidence) ON incident TO firewatch_daemon;

CREATE OR REPLACE VIEW alarm_history AS
SELECT a.alarm_id, a.incident_id, a.division, a.site, coalesce(s.name, '') AS site_name, a.device, a.point,
       a.class, a.severity,
       CASE WHEN a.restored_at IS NULL THEN 'active' ELSE 'restored' END AS state,
       a.class = 'fire' AND i.confirmed_at IS NOT NULL AS confirmed,
       a.observed_at, a.received_at, a.committed_at, a.last_seen_at, a.report_count, a.restored_at,
       a.protection_level, a.text,
       a.zone, a.system_type, a.component_type, a.mode, a.backfill, a.reason,
       a.rule, a.data
FROM alarm a
LEFT JOIN incident i ON i.incident_id = a.incident_id AND i.division = a.division
LEFT JOIN site s ON s.site = a.site;

CREATE OR REPLACE VIEW incident_history AS
SELECT i.incident_id, i.division, i.site, coalesce(s.name, '') AS site_name, i.class, i.severity,
       incident_state(i.trigger_count, i.acknowledged_trigger, i.closed_trigger) AS state,
       i.confirmed_at IS NOT NULL AS confirmed,
       i.opened_at, i.confirmed_at, i.acknowledged_at, i.acknowledged_by, i.verdict, i.closed_at, i.alarm_count,
       i.protection_level,
       i.device, i.trigger_count, i.verified_at, i.verified_by, i.closed_by,
       i.confidence
FROM incident i
LEFT JOIN site s ON s.site = i.site;
