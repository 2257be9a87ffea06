-- Purpose: snapshots of records that have none; not of what ended. A row that is there, or that a login stores in the same
--   moment, stays: snapshots_update compares the two.
-- Parameters: batch (as snapshots_update).
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
SELECT fresh.store_key, fresh.user_tag, fresh.handle, 0, fresh.generation, fresh.epoch, fresh.absolute_expiry_ms,
       fresh.expires_ms, fresh.bytes, fresh.clock, 0
FROM json_to_recordset(CAST(:batch AS json))
     AS fresh (store_key text, user_tag text, handle text, generation bigint, epoch bigint,
          absolute_expiry_ms bigint, expires_ms bigint, bytes text, clock bigint)
WHERE NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
ON CONFLICT (store_key) DO NOTHING
