-- Purpose: the first copy of a record; changes nothing where something stands.
-- Parameters: the columns.
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes)
SELECT :store_key, :user_tag, :handle, 0, :generation, :epoch, :absolute_expiry_ms, :expires_ms, :bytes
FROM shards
WHERE shard = 0 AND NOT EXISTS (SELECT 1 FROM records WHERE store_key = :store_key)
