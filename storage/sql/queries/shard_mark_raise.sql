-- Purpose: raises the mark of a shard; never lowers it.
-- Parameters: shard, mark.
UPDATE shards SET mark = :mark WHERE shard = :shard AND mark < :mark
