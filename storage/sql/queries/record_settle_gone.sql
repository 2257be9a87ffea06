-- Purpose: as record_settle, where the row has no further use.
-- Parameters: as there.
DELETE FROM records
WHERE store_key = :store_key AND ahead = 1 AND generation = :generation AND expires_ms = :expires_ms
