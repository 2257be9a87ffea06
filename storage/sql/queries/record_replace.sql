-- Purpose: a save, if the generation still is what the caller expects.
-- Parameters: store_key, expected, and the columns that a save may change.
UPDATE records
SET generation = :generation, epoch = :epoch, absolute_expiry_ms = :absolute_expiry_ms,
    expires_ms = :expires_ms, bytes = :bytes, clock = :clock, ahead = :ahead
WHERE store_key = :store_key AND generation = :expected AND is_note = 0
