-- Purpose: erasures are noted no longer than figures are kept, nor any while a row is there that began before.
-- Parameters: before.
DELETE FROM statistics_erased
WHERE erased_ms < :before AND erased_ms < COALESCE((SELECT MIN(created_ms) FROM sessions), :before)
