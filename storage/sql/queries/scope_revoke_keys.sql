-- Purpose: one revocation per session of one shard, in sequence.
-- Parameters: as scope_revoke_users; low and high bound store keys.
INSERT INTO revocations (shard, sequence, store_key, user_tag, epoch, at_ms, until_ms, operation)
SELECT :shard, :base + ROW_NUMBER() OVER (ORDER BY store_key), store_key, user_tag, 0, :now,
       absolute_expiry_ms, :operation
FROM sessions
WHERE end_operation = :operation AND store_key >= :low AND store_key < :high
