-- Purpose: one revocation per user of one shard, in sequence.
-- Parameters: shard, low and high (user tags of the shard lie between), base (the shard's last sequence), now, until_ms,
--   operation.
INSERT INTO revocations (shard, sequence, store_key, user_tag, epoch, at_ms, until_ms, operation)
SELECT :shard, :base + ROW_NUMBER() OVER (ORDER BY ended.user_tag), NULL, ended.user_tag, user_epochs.epoch,
       :now, :until_ms, :operation
FROM (SELECT DISTINCT user_tag FROM sessions
      WHERE end_operation = :operation AND user_tag >= :low AND user_tag < :high) ended
JOIN user_epochs ON user_epochs.user_tag = ended.user_tag
