-- Purpose: closes rows past their absolute end; the session ended then, not now. A row that ended otherwise stays,
--   and so does one that another process is closing or ending.
-- Parameters: now, page (rows at most; those that ended first), reason, operation (names this statement).
UPDATE sessions
SET ended_ms = absolute_expiry_ms, end_reason = :reason, end_operation = :operation
WHERE handle IN (SELECT handle FROM sessions
                 WHERE ended_ms IS NULL AND absolute_expiry_ms <= :now
                 ORDER BY absolute_expiry_ms, handle
                 LIMIT :page
                 FOR UPDATE SKIP LOCKED)
