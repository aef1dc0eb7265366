-- SPDX-License-Identifier: Apache-2.0
--
-- Corrections of what earlier files made.

-- ---------------------------------------------------------------- where a device speaks

ALTER TABLE device_status ADD COLUMN topic_division text NOT NULL DEFAULT '';
COMMENT ON COLUMN device_status.topic_division IS
	'Of the topic that it was last heard on, by which instances share out the devices; its site''s division may be another.  Empty: not known yet';
