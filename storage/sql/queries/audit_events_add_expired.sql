-- Purpose: one event for each row that sessions_close_expired or sessions_close_gone closed, in the same transaction.
-- Parameters: operation as there; type, actor, detail.
INSERT INTO audit_events (at_ms, type, handle, user_id, actor, detail, operation, operation_part)
SELECT ended_ms, :type, handle, user_id, :actor, :detail, NULL, 0
FROM sessions
WHERE end_operation = :operation
ORDER BY ended_ms, handle
