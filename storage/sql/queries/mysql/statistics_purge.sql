-- Purpose: retention of figures, oldest first.
-- Parameters: before, page (rows at most).
DELETE FROM session_statistics WHERE day_ms < :before ORDER BY day_ms LIMIT :page
