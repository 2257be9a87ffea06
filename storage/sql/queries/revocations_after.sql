-- Purpose: revocations of one shard, in order.
-- Parameters: shard, after (a sequence), page (rows at most).
SELECT shard, sequence, store_key, user_tag, epoch
FROM revocations
WHERE shard = :shard AND sequence > :after
ORDER BY sequence
LIMIT :page
