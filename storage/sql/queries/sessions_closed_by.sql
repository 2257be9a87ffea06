-- Purpose: the rows that sessions_close_expired or scope_close closed, in the same transaction.
-- Parameters: operation as there.
SELECT ended_ms, handle, user_id FROM sessions
WHERE end_operation = :operation
ORDER BY ended_ms, handle
