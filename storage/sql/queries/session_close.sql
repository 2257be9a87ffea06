-- Purpose: ends a session; a second ending changes nothing.
-- Parameters: handle, ended_ms, reason, operation (NULL: none).
UPDATE sessions
SET ended_ms = :ended_ms, end_reason = :reason, end_operation = :operation
WHERE handle = :handle AND ended_ms IS NULL
