-- Purpose: entries of the audit trail.
-- Parameters: batch (a JSON array of objects with the columns; handle and operation may be missing).
INSERT INTO audit_events (id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal,
                          leaf_hash)
SELECT fresh.id, fresh.partition_id, fresh.leaf_index, fresh.at_ms, fresh.type, fresh.handle, fresh.operation,
       fresh.operation_part, fresh.subject, fresh.personal, fresh.leaf_hash
FROM (SELECT json_extract(value, '$.id') AS id,
             json_extract(value, '$.partition_id') AS partition_id,
             json_extract(value, '$.leaf_index') AS leaf_index,
             json_extract(value, '$.at_ms') AS at_ms,
             json_extract(value, '$.type') AS type,
             json_extract(value, '$.handle') AS handle,
             json_extract(value, '$.operation') AS operation,
             json_extract(value, '$.operation_part') AS operation_part,
             json_extract(value, '$.subject') AS subject,
             json_extract(value, '$.personal') AS personal,
             json_extract(value, '$.leaf_hash') AS leaf_hash
      FROM json_each(:batch)) fresh
