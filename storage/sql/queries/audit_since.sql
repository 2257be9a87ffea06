-- Purpose: as audit_newest, for a query that has a beginning: the first position inside it bounds the scan.
-- Parameters: type_low and type_high (inclusive), since, until (exclusive), before_id, page (rows at most).
SELECT id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash
FROM audit_events
WHERE id >= (SELECT MIN(id) FROM audit_events WHERE at_ms >= :since)
  AND type >= :type_low AND type <= :type_high
  AND at_ms >= :since AND at_ms < :until AND id < :before_id
ORDER BY id DESC
LIMIT :page
