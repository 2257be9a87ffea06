-- Purpose: what stands under a key, expired or not.
-- Parameters: store_key.
SELECT bytes, is_note, ahead, expires_ms, generation, epoch, user_tag, clock, absolute_expiry_ms
FROM records
WHERE store_key = :store_key
