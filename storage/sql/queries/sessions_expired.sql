-- Purpose: open sessions whose absolute end has come, those that ended first.
-- Parameters: now, page (rows at most).
SELECT absolute_expiry_ms, handle, user_id
FROM sessions
WHERE ended_ms IS NULL AND absolute_expiry_ms <= :now
ORDER BY absolute_expiry_ms, handle
LIMIT :page
