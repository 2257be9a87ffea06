-- Purpose: the hot store was told of these rows, unless they changed meanwhile. Where it holds something newer, that stands
--   here from now on.
-- Plan: the batch drives. With `= 1` planners may walk an index of all that is ahead, and the batch for each of them.
-- Parameters: batch (a JSON array of objects with store_key, generation and expires_ms, as they were read, and where there is
--   something newer its columns, named new_…).
UPDATE JSON_TABLE(:batch, '$[*]' COLUMNS (
         store_key VARCHAR(25) PATH '$.store_key',
         generation BIGINT PATH '$.generation',
         expires_ms BIGINT PATH '$.expires_ms',
         new_generation BIGINT PATH '$.new_generation',
         new_epoch BIGINT PATH '$.new_epoch',
         new_absolute_expiry_ms BIGINT PATH '$.new_absolute_expiry_ms',
         new_expires_ms BIGINT PATH '$.new_expires_ms',
         new_bytes LONGTEXT PATH '$.new_bytes',
         new_clock BIGINT PATH '$.new_clock')) told
STRAIGHT_JOIN records
  ON told.store_key = records.store_key
SET records.ahead = 0,
    records.generation = COALESCE(told.new_generation, records.generation),
    records.epoch = COALESCE(told.new_epoch, records.epoch),
    records.absolute_expiry_ms = COALESCE(told.new_absolute_expiry_ms, records.absolute_expiry_ms),
    records.expires_ms = COALESCE(told.new_expires_ms, records.expires_ms),
    records.bytes = COALESCE(told.new_bytes, records.bytes),
    records.clock = COALESCE(told.new_clock, records.clock)
WHERE records.ahead <> 0 AND records.generation = told.generation AND records.expires_ms = told.expires_ms
