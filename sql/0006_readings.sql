-- SPDX-License-Identifier: Apache-2.0
--
-- Readings of a report in one array, and one index less: intake is bound by what a row costs.  A device's readings are found
-- by the primary key, a day at a time.

DROP INDEX report_device_received_at_idx;
ALTER TABLE report ADD COLUMN reading double precision[];   -- point, quantity, value of each; all of them are exact in it
COMMENT ON COLUMN report.reading IS 'Three numbers for each reading: point, quantity, value.  Null: none';

COMMENT ON COLUMN ledger_mark.complete_before IS
	'Every report of the instance that was committed before, by the database''s clock, is in sequence_ledger';

UPDATE report r SET reading = (SELECT array_agg(x ORDER BY n, k) FROM unnest(reading_point, reading_quantity, reading_value)
	WITH ORDINALITY AS v(point, quantity, value, n), unnest(ARRAY[point, quantity, value]) WITH ORDINALITY AS w(x, k))
WHERE reading_value IS NOT NULL;

CREATE OR REPLACE VIEW reading_history AS
SELECT r.device, r.reading[i]::bigint AS point, coalesce(q.quantity, 'quantity_' || r.reading[i + 1]::integer) AS quantity,
       r.observed_at, r.received_at, r.reading[i + 2] AS value
FROM report r
CROSS JOIN LATERAL generate_series(1, cardinality(r.reading), 3) AS i
LEFT JOIN quantity q ON q.code = r.reading[i + 1]::integer
WHERE r.reading IS NOT NULL;

ALTER TABLE report DROP COLUMN reading_point, DROP COLUMN reading_quantity, DROP COLUMN reading_value;
