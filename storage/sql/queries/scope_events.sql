-- Purpose: one event per session that an emergency ended. Part 0 of the operation is the event for all.
-- Parameters: operation, type, actor, detail.
INSERT INTO audit_events (at_ms, type, handle, user_id, actor, detail, operation, operation_part)
SELECT ended_ms, :type, handle, user_id, :actor, :detail, end_operation, ROW_NUMBER() OVER (ORDER BY handle)
FROM sessions
WHERE end_operation = :operation
