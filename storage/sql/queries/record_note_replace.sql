-- Purpose: a note, or an erasure (empty bytes), in the place of whatever stands under a key.
-- Parameters: store_key, expires_ms (of the note), absolute_expiry_ms (until then it must be told), bytes, ahead.
UPDATE records
SET user_tag = NULL, is_note = 1, generation = 0, clock = 0, expires_ms = :expires_ms,
    absolute_expiry_ms = :absolute_expiry_ms, bytes = :bytes, ahead = :ahead
WHERE store_key = :store_key
