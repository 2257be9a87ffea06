-- Purpose: what an earlier attempt of the same operation revoked.
-- Parameters: operation.
SELECT shard, sequence, store_key, user_tag, epoch
FROM revocations
WHERE operation = :operation
ORDER BY shard, sequence
