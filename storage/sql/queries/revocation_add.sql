-- Purpose: one ending, for the ordered replay of its shard.
-- Parameters: the columns.
INSERT INTO revocations (shard, sequence, store_key, user_tag, epoch, at_ms, until_ms, operation)
VALUES (:shard, :sequence, :store_key, :user_tag, :epoch, :at_ms, :until_ms, :operation)
