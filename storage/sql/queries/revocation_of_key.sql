-- Purpose: whether a session's key was revoked.
-- Parameters: store_key.
SELECT shard FROM revocations WHERE store_key = :store_key LIMIT 1
