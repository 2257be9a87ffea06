-- Purpose: takes the next sequences of a shard; its row stays locked until the commit, so they have no gap.
-- Parameters: shard, count.
UPDATE shards SET sequence = sequence + :count WHERE shard = :shard
