-- Purpose: removes whatever stands under a key.
-- Parameters: store_key.
DELETE FROM records WHERE store_key = :store_key
