-- Purpose: the mark of each shard.
-- Parameters: none.
SELECT shard, mark FROM shards ORDER BY shard
