-- Purpose: the last sequence taken in a shard.
-- Parameters: shard.
SELECT sequence FROM shards WHERE shard = :shard
