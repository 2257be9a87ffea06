-- Purpose: whether anything stands under a key, expired or not.
-- Parameters: store_key.
SELECT generation FROM records WHERE store_key = :store_key
