-- Purpose: the hot store acknowledged the record of a login.
-- Parameters: handle.
UPDATE sessions SET confirmed = 1 WHERE handle = :handle AND ended_ms IS NULL
