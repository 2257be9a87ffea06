-- Purpose: the last sequence taken in each shard.
-- Parameters: none.
SELECT shard, sequence FROM shards ORDER BY shard
