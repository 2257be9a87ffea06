-- Purpose: a newer copy, or one of the same generation with a later end, in place of an older one.
-- Parameters: store_key, and the columns that a save may change.
UPDATE records
SET generation = :generation, epoch = :epoch, absolute_expiry_ms = :absolute_expiry_ms,
    expires_ms = :expires_ms, bytes = :bytes
WHERE store_key = :store_key AND generation <= :generation AND is_note = 0
