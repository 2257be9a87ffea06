-- Purpose: retention of revocations, those first whose sessions could live least long.
-- Parameters: before, page (rows at most).
DELETE FROM revocations WHERE until_ms < :before ORDER BY until_ms LIMIT :page
