-- Purpose: a copy and when its time to live ends, or ended.
-- Parameters: store_key.
SELECT bytes, expires_ms FROM records WHERE store_key = :store_key AND is_note = 0
