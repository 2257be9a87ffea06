-- Purpose: the hot store was told of this row, unless it changed meanwhile.
-- Parameters: store_key, generation, expires_ms (as they were read).
UPDATE records
SET ahead = 0
WHERE store_key = :store_key AND ahead = 1 AND generation = :generation AND expires_ms = :expires_ms
