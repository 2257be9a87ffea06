-- Purpose: snapshots of records that have none; not of what ended. A row that is there stays: snapshots_update compares
--   the two.
-- Parameters: batch (as snapshots_update).
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
SELECT fresh.store_key, fresh.user_tag, fresh.handle, 0, fresh.generation, fresh.epoch, fresh.absolute_expiry_ms,
       fresh.expires_ms, fresh.bytes, fresh.clock, 0
FROM (SELECT json_extract(value, '$.store_key') AS store_key,
             json_extract(value, '$.user_tag') AS user_tag,
             json_extract(value, '$.handle') AS handle,
             json_extract(value, '$.generation') AS generation,
             json_extract(value, '$.epoch') AS epoch,
             json_extract(value, '$.absolute_expiry_ms') AS absolute_expiry_ms,
             json_extract(value, '$.expires_ms') AS expires_ms,
             json_extract(value, '$.bytes') AS bytes,
             json_extract(value, '$.clock') AS clock
      FROM json_each(:batch)) fresh
WHERE NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
ON CONFLICT (store_key) DO NOTHING
