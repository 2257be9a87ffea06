-- Purpose: one revocation per user of one shard, in sequence.
-- Parameters: shard (whose last sequence has been advanced by count), count, low and high (user tags of the shard lie
--   between), life (ms after the ending until no session can be alive), operation.
INSERT INTO revocations (shard, sequence, store_key, user_tag, epoch, at_ms, until_ms, operation)
SELECT shards.shard, shards.sequence - :count + ROW_NUMBER() OVER (ORDER BY ended.user_tag), NULL,
       ended.user_tag, user_epochs.epoch, ended.at_ms, ended.at_ms + :life, ended.operation
FROM (SELECT user_tag, MAX(ended_ms) AS at_ms, MAX(end_operation) AS operation
      FROM sessions
      WHERE end_operation = :operation AND user_tag >= :low AND user_tag < :high
      GROUP BY user_tag) ended
JOIN user_epochs ON user_epochs.user_tag = ended.user_tag
JOIN shards ON shards.shard = :shard
