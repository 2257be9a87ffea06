-- Purpose: epochs raised at or after a moment, newest first.
-- Parameters: since, page (rows at most).
SELECT user_tag, epoch, raised_ms
FROM user_epochs
WHERE raised_ms >= :since
ORDER BY raised_ms DESC, user_tag
LIMIT :page
