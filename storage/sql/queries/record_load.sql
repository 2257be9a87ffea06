-- Purpose: a record or note that is not expired.
-- Parameters: store_key, now.
SELECT bytes FROM records WHERE store_key = :store_key AND expires_ms > :now
