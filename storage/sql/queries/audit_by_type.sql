-- Purpose: events of exactly one type, newest first.
-- Parameters: type, since, until (exclusive), before_id, page (rows at most).
SELECT id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash
FROM audit_events
WHERE type = :type
  AND at_ms >= :since AND at_ms < :until AND id < :before_id
ORDER BY id DESC
LIMIT :page
