-- SPDX-License-Identifier: Apache-2.0
--
-- What operators and platforms may rely on: columns are added at the end, never renamed or removed.

CREATE FUNCTION seq(bits bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN bits >= 0 THEN bits::numeric ELSE bits::numeric + 18446744073709551616 END;
COMMENT ON FUNCTION seq(bigint) IS 'A uint64 sequence from the bigint that holds its bits';

CREATE FUNCTION incident_state(trigger_count integer, acknowledged_trigger integer, closed_trigger integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN closed_trigger >= trigger_count THEN 'closed'
            WHEN acknowledged_trigger >= trigger_count THEN 'acknowledged'
            ELSE 'open' END;
COMMENT ON FUNCTION incident_state(integer, integer, integer) IS
	'open, acknowledged or closed: an answer covers the triggers it has seen, a later trigger opens again';

CREATE VIEW alarm_history AS
SELECT a.alarm_id, a.incident_id, a.division, a.site, coalesce(s.name, '') AS site_name, a.device, a.point,
       a.class, a.severity,
       CASE WHEN a.restored_at IS NULL THEN 'active' ELSE 'restored' END AS state,
       a.class = 'fire' AND i.confirmed_at IS NOT NULL AS confirmed,
       a.observed_at, a.received_at, a.committed_at, a.last_seen_at, a.report_count, a.restored_at,
       a.protection_level, a.text,
       a.zone, a.system_type, a.component_type, a.mode, a.backfill, a.reason
FROM alarm a
LEFT JOIN incident i ON i.incident_id = a.incident_id AND i.division = a.division
LEFT JOIN site s ON s.site = a.site;
COMMENT ON VIEW alarm_history IS 'Every alarm, one row from raised to restored; repeats are in report_count';

CREATE VIEW incident_history AS
SELECT i.incident_id, i.division, i.site, coalesce(s.name, '') AS site_name, i.class, i.severity,
       incident_state(i.trigger_count, i.acknowledged_trigger, i.closed_trigger) AS state,
       i.confirmed_at IS NOT NULL AS confirmed,
       i.opened_at, i.confirmed_at, i.acknowledged_at, i.acknowledged_by, i.verdict, i.closed_at, i.alarm_count,
       i.protection_level,
       i.device, i.trigger_count, i.verified_at, i.verified_by, i.closed_by
FROM incident i
LEFT JOIN site s ON s.site = i.site;
COMMENT ON VIEW incident_history IS 'Every incident: the alarms of one site from the first of them until a person closed it';

CREATE VIEW incident_timeline AS
SELECT incident_id, division, entry, at, kind, actor, detail FROM timeline;
COMMENT ON VIEW incident_timeline IS 'What happened in an incident, by whom; order by entry';

CREATE VIEW notification_history AS
SELECT notification_id, incident_id, step, role, person, channel, target, due_at, sent_at, attempts, state, error,
       division, trigger
FROM notification
UNION ALL
SELECT concat_ws('~', incident_id, trigger, step, role, channel), incident_id, step, role, '', channel, '', due_at, NULL, 0,
       state, '', division, trigger
FROM page_step
WHERE state <> 'done';
COMMENT ON VIEW notification_history IS
	'Every page; a step that is not due yet, or was cancelled before it was, has no person';

CREATE VIEW reading_history AS
SELECT r.device, v.point, coalesce(q.quantity, 'quantity_' || v.quantity) AS quantity, r.observed_at, r.received_at, v.value
FROM report r
CROSS JOIN LATERAL unnest(r.reading_point, r.reading_quantity, r.reading_value) AS v(point, quantity, value)
LEFT JOIN quantity q ON q.code = v.quantity
WHERE r.reading_value IS NOT NULL;
COMMENT ON VIEW reading_history IS 'Every measured value; the unit is in the name of the quantity';

CREATE VIEW device_state AS
SELECT d.device, d.division, coalesce(d.site, '') AS site, coalesce(s.name, '') AS site_name, d.zone, d.kind,
       CASE WHEN d.site IS NULL THEN 'unclaimed' ELSE 'claimed' END AS registration,
       t.last_seen_at, t.last_observed_at, t.boot_id, t.mode, t.clock_fault, t.battery_percent, t.signal_dbm, t.mains_ok,
       t.firmware,
       (SELECT count(*) FROM alarm a WHERE a.device = d.device AND a.restored_at IS NULL) AS active_alarms
FROM device d
LEFT JOIN site s ON s.site = d.site
LEFT JOIN device_status t ON t.device = d.device;
COMMENT ON VIEW device_state IS 'Every device known, with what it last said of itself';

CREATE VIEW sequence_gap AS
SELECT l.device, l.division, l.boot_id, seq(g.first) AS first_missing, seq(g.last) AS last_missing,
       seq(g.last) - seq(g.first) + 1 AS missing,
       'epoch'::timestamptz + g.opened_us * interval '1 microsecond' AS opened_at
FROM sequence_ledger l
CROSS JOIN LATERAL unnest(l.gap_first, l.gap_last, l.gap_opened_us) AS g(first, last, opened_us);
COMMENT ON VIEW sequence_gap IS 'Sequences that a later one has passed and that have not come';

CREATE VIEW quarantine AS
SELECT quarantine_id, received_at, topic, reason, detail, payload,
       device, report_index, report_device, boot_id, seq(sequence) AS sequence, replay_by, replay_at, replayed_at,
       replay_outcome
FROM quarantined;
COMMENT ON VIEW quarantine IS 'What could not be decoded or believed, with the bytes and the reason';
