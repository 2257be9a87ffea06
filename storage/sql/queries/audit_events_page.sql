-- Purpose: the trail in its own order.
-- Parameters: after (id), until (id, inclusive), page (rows at most).
SELECT id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash
FROM audit_events
WHERE id > :after AND id <= :until
ORDER BY id
LIMIT :page
