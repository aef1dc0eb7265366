-- SPDX-License-Identifier: Apache-2.0
--
-- When an instance could not hear its devices: what is not their silence, also behind a new start.

CREATE TABLE outage (
	instance text NOT NULL,
	from_at  timestamptz NOT NULL,
	up_at    timestamptz NOT NULL,      -- both sessions were up again
	PRIMARY KEY (instance, from_at)
);
COMMENT ON TABLE outage IS 'Times in which an instance had no session with the broker, or did not run';
GRANT SELECT, INSERT, UPDATE ON outage TO firewatch_daemon;
GRANT SELECT ON outage TO firewatch_operator, firewatch_api;
