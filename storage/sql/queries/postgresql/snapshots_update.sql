-- Purpose: snapshots in place of older ones; not where the stored record is newer, was written here or is a note, nor of
--   what ended.
-- Plan: the batch drives. With `= 0` planners walk an index of all records, and the batch for each of them.
-- Parameters: batch (a JSON array of objects with the columns of records that are named below).
UPDATE records
SET generation = fresh.generation, epoch = fresh.epoch, absolute_expiry_ms = fresh.absolute_expiry_ms,
    expires_ms = fresh.expires_ms, bytes = fresh.bytes, clock = fresh.clock
FROM json_to_recordset(CAST(:batch AS json))
     AS fresh (store_key text, user_tag text, handle text, generation bigint, epoch bigint,
          absolute_expiry_ms bigint, expires_ms bigint, bytes text, clock bigint)
WHERE records.store_key = fresh.store_key AND records.is_note <> 1 AND records.ahead <> 1
  AND (records.generation < fresh.generation
       OR (records.generation = fresh.generation AND records.clock <= fresh.clock))
  AND NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
