-- Purpose: a save, if the generation still is what the caller expects.
-- Parameters: store_key, expected, and the new columns.
UPDATE records
SET user_tag = :user_tag, handle = :handle, generation = :generation, absolute_expiry_ms = :absolute_expiry_ms,
    expires_ms = :expires_ms, bytes = :bytes
WHERE store_key = :store_key AND generation = :expected AND is_note = 0
