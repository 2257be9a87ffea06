-- Purpose: one event for each row that sessions_close_expired closes next, in the same transaction.
-- Parameters: now and page as there; type, actor, detail.
INSERT INTO audit_events (at_ms, type, handle, user_id, actor, detail, operation, operation_part)
SELECT absolute_expiry_ms, :type, handle, user_id, :actor, :detail, NULL, 0
FROM sessions
WHERE ended_ms IS NULL AND absolute_expiry_ms <= :now
ORDER BY absolute_expiry_ms, handle
LIMIT :page
