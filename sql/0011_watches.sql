-- SPDX-License-Identifier: Apache-2.0
--
-- Readings that are over a threshold and have not lasted yet, so that a restart forgets none.  One row for each threshold
-- of a point, the last time that it was over: the daemon changes its state and deletes nothing.

CREATE TABLE watch (
	device      text NOT NULL,
	point       bigint NOT NULL,            -- uint32 on the wire
	quantity    text NOT NULL,
	class       text NOT NULL REFERENCES class,
	below       boolean NOT NULL,
	is_change   boolean NOT NULL,           -- a threshold of its change
	division    text NOT NULL,
	instance    text NOT NULL,              -- who sees to it
	state       text NOT NULL CHECK (state IN ('pending', 'raised', 'cleared', 'dropped')),
	report      text NOT NULL,              -- of the first report that was over: an alarm's id begins with it
	value       double precision NOT NULL,  -- that it measured
	change      double precision NOT NULL,  -- within the threshold's window
	boot_id     bigint NOT NULL,
	sequence    bigint NOT NULL,            -- uint64 in its bits
	mode        integer NOT NULL,
	backfill    boolean NOT NULL,
	past        boolean NOT NULL,           -- a later reading was known that was back
	measured_at timestamptz NOT NULL,       -- observed_at, at most received_at
	observed_at timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	due_at      timestamptz NOT NULL,       -- when it has lasted
	PRIMARY KEY (device, point, quantity, class, below, is_change)
);
CREATE INDEX ON watch (instance) WHERE state = 'pending';
COMMENT ON TABLE watch IS 'Readings over a threshold that must last before they are an alarm, and what became of them; dropped: the threshold was taken away';

GRANT SELECT, INSERT, UPDATE ON watch TO firewatch_daemon;
GRANT SELECT ON watch TO firewatch_operator;
