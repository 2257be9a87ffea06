-- Purpose: how many endings are known of a store key: revoked, or its session closed.
-- Parameters: store_key.
SELECT (SELECT COUNT(*) FROM revocations WHERE store_key = :store_key) +
       (SELECT COUNT(*) FROM sessions WHERE store_key = :store_key AND ended_ms IS NOT NULL)
