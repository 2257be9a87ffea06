-- Purpose: one revocation per session of one shard, in sequence.
-- Parameters: as scope_revoke_users, without life; low and high bound store keys.
INSERT INTO revocations (shard, sequence, store_key, user_tag, epoch, at_ms, until_ms, operation)
SELECT shards.shard, shards.sequence - :count + ROW_NUMBER() OVER (ORDER BY sessions.store_key),
       sessions.store_key, sessions.user_tag, 0, sessions.ended_ms, sessions.absolute_expiry_ms,
       sessions.end_operation
FROM sessions
JOIN shards ON shards.shard = :shard
WHERE sessions.end_operation = :operation AND sessions.store_key >= :low AND sessions.store_key < :high
