-- Purpose: snapshots in place of older ones; not where the stored record is newer, was written here or is a note, nor of
--   what ended.
-- Plan: the batch drives, whatever the planner counted last. With `= 0` planners walk an index of all records, and the
--   batch for each of them.
-- Parameters: batch (a JSON array of objects with the columns of records that are named below).
UPDATE JSON_TABLE(:batch, '$[*]' COLUMNS (
         store_key VARCHAR(25) PATH '$.store_key',
         user_tag VARCHAR(32) PATH '$.user_tag',
         handle VARCHAR(32) PATH '$.handle',
         generation BIGINT PATH '$.generation',
         epoch BIGINT PATH '$.epoch',
         absolute_expiry_ms BIGINT PATH '$.absolute_expiry_ms',
         expires_ms BIGINT PATH '$.expires_ms',
         bytes LONGTEXT PATH '$.bytes',
         clock BIGINT PATH '$.clock')) fresh
STRAIGHT_JOIN records
  ON fresh.store_key = records.store_key
SET records.generation = fresh.generation,
    records.epoch = fresh.epoch,
    records.absolute_expiry_ms = fresh.absolute_expiry_ms,
    records.expires_ms = fresh.expires_ms,
    records.bytes = fresh.bytes,
    records.clock = fresh.clock
WHERE records.is_note <> 1 AND records.ahead <> 1
  AND (records.generation < fresh.generation
       OR (records.generation = fresh.generation AND records.clock <= fresh.clock))
  AND NOT EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = fresh.store_key)
  AND NOT EXISTS (SELECT 1 FROM sessions
                  WHERE sessions.store_key = fresh.store_key AND sessions.ended_ms IS NOT NULL)
  AND fresh.epoch >= COALESCE((SELECT user_epochs.epoch FROM user_epochs
                               WHERE user_epochs.user_tag = fresh.user_tag), 0)
