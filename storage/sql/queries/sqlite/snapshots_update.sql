-- Purpose: snapshots in place of older ones; not where the stored record is newer, was written here or is a note, nor of
--   what ended.
-- Plan: the batch drives. With `= 0` planners walk an index of all records, and the batch for each of them.
-- Parameters: batch (a JSON array of objects with the columns of records that are named below).
UPDATE records
SET generation = fresh.generation, epoch = fresh.epoch, absolute_expiry_ms = fresh.absolute_expiry_ms,
    expires_ms = fresh.expires_ms, bytes = fresh.bytes, clock = fresh.clock
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
WHERE records.store_key = fresh.store_key AND records.is_note <> 1 AND records.ahead <> 1
  AND (records.generation < fresh.generation
       OR (records.generation = fresh.generation AND records.clock <= fresh.clock))
  AND NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
