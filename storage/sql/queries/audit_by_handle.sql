-- Purpose: events of one session, newest first.
-- Parameters: handle, subject (empty: any), type_low and type_high (inclusive), since, until (exclusive),
--   before_id, page (rows at most).
SELECT id, partition_id, leaf_index, at_ms, type, handle, operation, operation_part, subject, personal, leaf_hash
FROM audit_events
WHERE handle = :handle AND (:subject = '' OR subject = :subject)
  AND type >= :type_low AND type <= :type_high
  AND at_ms >= :since AND at_ms < :until AND id < :before_id
ORDER BY id DESC
LIMIT :page
