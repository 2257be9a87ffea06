-- Purpose: events of exactly one type, newest first.
-- Parameters: type, since, until (exclusive), before_id, page (rows at most).
SELECT id, at_ms, type, handle, user_id, actor, detail, operation
FROM audit_events
WHERE type = :type
  AND at_ms >= :since AND at_ms < :until AND id < :before_id
ORDER BY id DESC
LIMIT :page
