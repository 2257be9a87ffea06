-- Purpose: entries of the audit trail.
-- Parameters: batch (a JSON array of objects with the columns; handle and operation may be missing).
INSERT INTO audit_events (id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal,
                          leaf_hash)
SELECT fresh.id, fresh.partition_id, fresh.leaf_index, fresh.at_ms, fresh.type, fresh.handle, fresh.operation,
       fresh.operation_part, fresh.subject, fresh.personal, fresh.leaf_hash
FROM json_to_recordset(CAST(:batch AS json))
     AS fresh (id bigint, partition_id bigint, leaf_index bigint, at_ms bigint, type text, handle text, operation text, operation_part bigint, subject text, personal text, leaf_hash text)
