-- Purpose: closes a row past its absolute end; the session ended then, not now. A row that ended otherwise stays.
-- Parameters: handle, reason.
UPDATE sessions
SET ended_ms = absolute_expiry_ms, end_reason = :reason
WHERE handle = :handle AND ended_ms IS NULL
