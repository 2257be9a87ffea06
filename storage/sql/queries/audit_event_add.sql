-- Purpose: one entry of the audit trail.
-- Parameters: the columns.
INSERT INTO audit_events (at_ms, type, handle, user_id, actor, detail, operation, operation_part)
VALUES (:at_ms, :type, :handle, :user_id, :actor, :detail, :operation, :part)
