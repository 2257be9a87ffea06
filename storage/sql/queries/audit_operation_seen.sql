-- Purpose: whether an operation was written by an earlier attempt.
-- Parameters: operation.
SELECT MAX(id) FROM audit_events WHERE operation = :operation
