-- Purpose: retention of ended sessions, longest ended first.
-- Parameters: before (both their end and their absolute end), page (rows at most).
DELETE FROM sessions
WHERE ended_ms < :before AND absolute_expiry_ms < :before
ORDER BY ended_ms
LIMIT :page
