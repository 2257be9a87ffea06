-- Purpose: puts a rotation note in the place of a record.
-- Parameters: store_key, now, expires_ms, bytes.
UPDATE records
SET user_tag = NULL, is_note = 1, generation = 0, expires_ms = :expires_ms, bytes = :bytes
WHERE store_key = :store_key AND is_note = 0 AND expires_ms > :now
