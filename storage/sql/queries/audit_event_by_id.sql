-- Purpose: one entry.
-- Parameters: id.
SELECT id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash
FROM audit_events
WHERE id = :id
