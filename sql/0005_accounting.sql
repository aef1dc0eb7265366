-- SPDX-License-Identifier: Apache-2.0
--
-- An audit of what has come, from the rows alone: nothing here asks what the daemon believes, but to compare it.

CREATE FUNCTION seq_order(bits bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN bits # (-9223372036854775808);
COMMENT ON FUNCTION seq_order(bigint) IS 'A uint64''s bits as a bigint that sorts as the uint64 does, and back';

CREATE FUNCTION reconcile(since timestamptz, until timestamptz, of_division text DEFAULT NULL, of_device text DEFAULT NULL)
	RETURNS TABLE (device text, division text, received bigint, recorded bigint, duplicates bigint, quarantined bigint,
		missing numeric, claimed numeric, range_count bigint, ranges text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = firewatch, pg_temp SET work_mem = '128MB'
SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
	first_day date := (since AT TIME ZONE 'UTC')::date;
	last_day date := (until AT TIME ZONE 'UTC')::date;
BEGIN
	IF (since < until) IS NOT TRUE THEN
		RAISE EXCEPTION 'since must be before until' USING ERRCODE = '22023';
	END IF;
	RETURN QUERY
	WITH RECURSIVE below AS (
		SELECT of_division AS division
		UNION SELECT d.division FROM division d JOIN below b ON d.parent = b.division
	), wanted AS (
		SELECT d.device FROM device d WHERE d.division IN (SELECT b.division FROM below b)
	), day AS ( -- those there are reports of: a key begins with its day
		SELECT min(r.received_day) AS day FROM report r
		UNION ALL SELECT (SELECT min(r.received_day) FROM report r WHERE r.received_day > t.day) FROM day t WHERE t.day IS NOT NULL
	), refused AS ( -- what was taken in after all is a report, or a duplicate of one, by now
		SELECT coalesce(nullif(q.report_device, ''), q.device) AS device, q.boot_id, q.sequence, q.received_at, q.reason, q.topic
		FROM quarantined q WHERE q.replay_outcome IS NULL OR q.replay_outcome NOT IN ('recorded', 'duplicate')
	), refused_now AS (
		SELECT q.* FROM refused q
		WHERE q.received_at >= since AND q.received_at < until
		  AND (of_device IS NULL OR q.device = of_device)
		  AND (of_division IS NULL OR coalesce((SELECT d.division FROM device d WHERE d.device = q.device),
			split_part(q.topic, '/', 3)) IN (SELECT b.division FROM below b))
	), seen AS ( -- byte order: no locale is needed to bring equals together
		SELECT r.device COLLATE "C" AS device, r.boot_id, seq_order(r.sequence) AS o, true AS is_report
		FROM report r
		WHERE r.received_day BETWEEN first_day AND last_day AND r.received_at >= since AND r.received_at < until
		  AND (of_device IS NULL OR r.device = of_device)
		  AND (of_division IS NULL OR r.device IN (SELECT w.device FROM wanted w))
		UNION ALL -- a number that was not believed, or is another's claim, says nothing of what must have come
		SELECT q.device COLLATE "C", q.boot_id, seq_order(q.sequence), false
		FROM refused_now q
		WHERE q.boot_id IS NOT NULL AND q.sequence IS NOT NULL AND q.reason NOT IN ('identity', 'sequence', 'topic')
	), step AS (
		SELECT s.*, lag(s.o) OVER (PARTITION BY s.device, s.boot_id ORDER BY s.o) AS before FROM seen s
	), boot AS MATERIALIZED (
		SELECT s.device COLLATE "default" AS device, s.boot_id, count(*) FILTER (WHERE s.is_report) AS recorded,
			min(s.before) FILTER (WHERE CASE WHEN s.before < s.o THEN s.o - 1 > s.before END) AS low,
			max(s.o) FILTER (WHERE CASE WHEN s.before < s.o THEN s.o - 1 > s.before END) AS high
		FROM step s GROUP BY s.device, s.boot_id
	), piece AS ( -- within one half of uint64 the bits themselves are in order, as the key has them
		SELECT b.device, b.boot_id, seq_order(b.low) AS low, seq_order(least(b.high, -1)) AS high FROM boot b WHERE b.low < 0
		UNION ALL
		SELECT b.device, b.boot_id, seq_order(greatest(b.low, 0)), seq_order(b.high) FROM boot b WHERE b.high >= 0
	), point AS ( -- of whoever lacks something: all that came, at any time.  OFFSET 0 keeps the look-up by key
		SELECT p.device, p.boot_id, seq_order(f.sequence) AS o
		FROM piece p CROSS JOIN day t CROSS JOIN LATERAL (
			SELECT r.sequence FROM report r
			WHERE r.received_day = t.day AND r.device = p.device AND r.boot_id = p.boot_id
			  AND r.sequence BETWEEN p.low AND p.high OFFSET 0) f
		UNION ALL
		SELECT p.device, p.boot_id, seq_order(q.sequence)
		FROM piece p JOIN refused q ON q.device = p.device AND q.boot_id = p.boot_id AND q.sequence BETWEEN p.low AND p.high
	), inner_hole AS ( -- between two that came
		SELECT h.device, h.boot_id, seq(seq_order(h.before + 1)) AS first, seq(seq_order(h.o - 1)) AS last
		FROM (SELECT p.*, lag(p.o) OVER (PARTITION BY p.device, p.boot_id ORDER BY p.o) AS before FROM point p) h
		WHERE CASE WHEN h.before < h.o THEN h.o - 1 > h.before END
	), ledger AS (
		SELECT l.* FROM sequence_ledger l
		WHERE l.updated_at >= since AND (of_device IS NULL OR l.device = of_device)
		  AND (of_division IS NULL OR l.device IN (SELECT w.device FROM wanted w))
	), hole AS (
		SELECT i.* FROM inner_hole i
		UNION ALL -- below the first that came in this time: what the ledger misses since then
		SELECT l.device, l.boot_id, seq(g.first), seq(g.last)
		FROM ledger l CROSS JOIN LATERAL unnest(l.gap_first, l.gap_last, l.gap_opened_us) AS g(first, last, opened_us)
		WHERE 'epoch'::timestamptz + g.opened_us * interval '1 microsecond' >= since
		  AND 'epoch'::timestamptz + g.opened_us * interval '1 microsecond' < until
		  AND NOT EXISTS (SELECT FROM inner_hole i WHERE i.device = l.device AND i.boot_id = l.boot_id
			AND i.first <= seq(g.last) AND i.last >= seq(g.first))
		  AND NOT EXISTS (SELECT FROM report r -- filled since the ledger was written
			WHERE r.received_day BETWEEN first_day AND (clock_timestamp() AT TIME ZONE 'UTC')::date + 1
			  AND r.device = l.device AND r.boot_id = l.boot_id AND r.sequence IN (g.first, g.last))
		UNION ALL -- above the last: the ledger's highest has no row
		SELECT l.device, l.boot_id, seq(l.highest), seq(l.highest) FROM ledger l
		WHERE l.updated_at < until
		  AND NOT EXISTS (SELECT FROM report r WHERE r.received_day BETWEEN first_day - 7 AND last_day + 1
			AND r.device = l.device AND r.boot_id = l.boot_id AND r.sequence = l.highest)
		  AND NOT EXISTS (SELECT FROM report r
			WHERE r.device = l.device AND r.boot_id = l.boot_id AND r.sequence = l.highest)
		  AND NOT EXISTS (SELECT FROM quarantined q WHERE l.device IN (q.device, q.report_device)
			AND q.boot_id = l.boot_id AND q.sequence = l.highest)
	), judged AS ( -- the ledger holds for received what is up to its highest, but its gaps
		SELECT h.*, row_number() OVER (PARTITION BY h.device ORDER BY h.boot_id, h.first) AS n,
			CASE WHEN l.device IS NULL THEN 0 ELSE greatest(0, least(h.last, seq(l.highest)) - h.first + 1) - coalesce((
				SELECT sum(greatest(0, least(h.last, seq(g.last)) - greatest(h.first, seq(g.first)) + 1))
				FROM unnest(l.gap_first, l.gap_last) AS g(first, last)), 0) END AS claimed
		FROM hole h LEFT JOIN sequence_ledger l ON l.device = h.device AND l.boot_id = h.boot_id
	), part AS (
		SELECT b.device, sum(b.recorded)::bigint AS recorded, 0::bigint AS duplicates, 0::bigint AS quarantined, 0::numeric AS missing,
			0::numeric AS claimed, 0::bigint AS range_count, NULL::text AS ranges
		FROM boot b GROUP BY b.device
		UNION ALL
		SELECT r.device, 0, count(*), 0, 0, 0, 0, NULL FROM duplicate r
		WHERE r.received_day BETWEEN first_day AND last_day AND r.received_at >= since AND r.received_at < until
		  AND (of_device IS NULL OR r.device = of_device)
		  AND (of_division IS NULL OR r.device IN (SELECT w.device FROM wanted w))
		GROUP BY r.device
		UNION ALL
		SELECT q.device, 0, 0, count(*), 0, 0, 0, NULL FROM refused_now q GROUP BY q.device
		UNION ALL
		SELECT j.device, 0, 0, 0, sum(j.last - j.first + 1), sum(j.claimed), count(*),
			string_agg(format('%s:%s-%s', j.boot_id, j.first, j.last), ' ' ORDER BY j.n) FILTER (WHERE j.n <= 20)
		FROM judged j GROUP BY j.device
	), account AS (
		SELECT p.device, sum(p.recorded)::bigint AS recorded, sum(p.duplicates)::bigint AS duplicates,
			sum(p.quarantined)::bigint AS quarantined, sum(p.missing) AS missing, sum(p.claimed) AS claimed,
			sum(p.range_count)::bigint AS range_count, coalesce(max(p.ranges), '') AS ranges
		FROM part p GROUP BY p.device
	)
	SELECT a.device, d.division, a.recorded + a.duplicates + a.quarantined, a.recorded, a.duplicates, a.quarantined, a.missing,
		a.claimed, a.range_count, a.ranges
	FROM account a LEFT JOIN device d ON d.device = a.device
	UNION ALL
	SELECT NULL, NULL, coalesce(sum(a.recorded + a.duplicates + a.quarantined), 0)::bigint, coalesce(sum(a.recorded), 0)::bigint,
		coalesce(sum(a.duplicates), 0)::bigint, coalesce(sum(a.quarantined), 0)::bigint, coalesce(sum(a.missing), 0),
		coalesce(sum(a.claimed), 0), coalesce(sum(a.range_count), 0)::bigint, ''
	FROM account a
	ORDER BY 1;
END $$;
COMMENT ON FUNCTION reconcile(timestamptz, timestamptz, text, text) IS
	'What each device sent from since on and before until, and which sequences between the lowest and the highest of them are in '
	'no row of any time, nor what the ledger found missing in that time or holds for its highest; claimed: of these, what sequence_ledger holds for received. ranges: boot:first-last, at most 20. '
	'The last row, without a device, is the total';

REVOKE EXECUTE ON FUNCTION seq_order(bigint), reconcile(timestamptz, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seq_order(bigint), reconcile(timestamptz, timestamptz, text, text) TO firewatch_operator, firewatch_api;
