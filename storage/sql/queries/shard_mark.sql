-- Purpose: the last revocation that the SQL session store applied in a shard.
-- Parameters: shard.
SELECT mark FROM shards WHERE shard = :shard
