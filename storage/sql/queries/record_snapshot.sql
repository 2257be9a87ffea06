-- Purpose: a snapshot in place of an older one; nothing where the stored record is newer or was written here.
-- Parameters: store_key, generation, clock, and the columns it changes.
UPDATE records
SET generation = :generation, epoch = :epoch, absolute_expiry_ms = :absolute_expiry_ms,
    expires_ms = :expires_ms, bytes = :bytes, clock = :clock
WHERE store_key = :store_key AND is_note = 0 AND ahead = 0
  AND (generation < :generation OR (generation = :generation AND clock <= :clock))
