-- Purpose: announced endings that are not written yet, oldest first.
-- Parameters: page (rows at most).
SELECT operation, announced_ms, taken_ms, user_id, place, begun_before_ms, reason, actor
FROM emergencies
ORDER BY announced_ms, operation
LIMIT :page
