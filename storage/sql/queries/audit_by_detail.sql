-- Purpose: events whose detail holds a text (one request's trace, say), newest first. Reads the whole trail.
-- Parameters: pattern (as LIKE has it), handle and user_id (empty: any), type_low and type_high (inclusive), since,
--   until (exclusive), before_id, page (rows at most).
SELECT id, at_ms, type, handle, user_id, actor, detail, operation
FROM audit_events
WHERE detail LIKE :pattern
  AND (:handle = '' OR handle = :handle) AND (:user_id = '' OR user_id = :user_id)
  AND type >= :type_low AND type <= :type_high
  AND at_ms >= :since AND at_ms < :until AND id < :before_id
ORDER BY id DESC
LIMIT :page
