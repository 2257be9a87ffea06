-- Purpose: one entry of the audit trail.
-- Parameters: the columns.
INSERT INTO audit_events (id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash)
VALUES (:id, :partition_id, :leaf_index, :at_ms, :type, :handle, :operation, :operation_part, :subject, :personal, :leaf_hash)
