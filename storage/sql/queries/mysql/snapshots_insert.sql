-- Purpose: snapshots of records that have none; not of what ended. A row that is there, or that a login stores in the same
--   moment, stays: snapshots_update compares the two.
-- Parameters: batch (as snapshots_update).
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
SELECT fresh.store_key, fresh.user_tag, fresh.handle, 0, fresh.generation, fresh.epoch, fresh.absolute_expiry_ms,
       fresh.expires_ms, fresh.bytes, fresh.clock, 0
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         store_key VARCHAR(25) PATH '$.store_key',
         user_tag VARCHAR(32) PATH '$.user_tag',
         handle VARCHAR(32) PATH '$.handle',
         generation BIGINT PATH '$.generation',
         epoch BIGINT PATH '$.epoch',
         absolute_expiry_ms BIGINT PATH '$.absolute_expiry_ms',
         expires_ms BIGINT PATH '$.expires_ms',
         bytes LONGTEXT PATH '$.bytes',
         clock BIGINT PATH '$.clock')) fresh
WHERE NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
ON DUPLICATE KEY UPDATE store_key = records.store_key
