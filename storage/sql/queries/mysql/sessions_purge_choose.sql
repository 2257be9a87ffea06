-- Purpose: names the ended sessions that go, longest ended first; their ending is told by nobody any more.
-- Parameters: before (both their end and their absolute end), page (rows at most), operation (names this statement).
UPDATE sessions
SET end_operation = :operation
WHERE ended_ms < :before AND absolute_expiry_ms < :before
ORDER BY ended_ms
LIMIT :page
