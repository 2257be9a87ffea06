-- Purpose: entries of the audit trail.
-- Parameters: batch (a JSON array of objects with the columns; handle and operation may be missing).
INSERT INTO audit_events (id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal,
                          leaf_hash)
SELECT fresh.id, fresh.partition_id, fresh.leaf_index, fresh.at_ms, fresh.type, fresh.handle, fresh.operation,
       fresh.operation_part, fresh.subject, fresh.personal, fresh.leaf_hash
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         id BIGINT PATH '$.id',
         partition_id BIGINT PATH '$.partition_id',
         leaf_index BIGINT PATH '$.leaf_index',
         at_ms BIGINT PATH '$.at_ms',
         type VARCHAR(64) PATH '$.type',
         handle VARCHAR(32) PATH '$.handle',
         operation VARCHAR(32) PATH '$.operation',
         operation_part BIGINT PATH '$.operation_part',
         subject VARCHAR(32) PATH '$.subject',
         personal LONGTEXT PATH '$.personal',
         leaf_hash VARCHAR(64) PATH '$.leaf_hash')) fresh
