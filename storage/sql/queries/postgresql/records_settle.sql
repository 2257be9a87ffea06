-- Purpose: the hot store was told of these rows, unless they changed meanwhile. Where it holds something newer, that stands
--   here from now on.
-- Plan: the batch drives. With `= 1` planners may walk an index of all that is ahead, and the batch for each of them.
-- Parameters: batch (a JSON array of objects with store_key, generation and expires_ms, as they were read, and where there is
--   something newer its columns, named new_…).
UPDATE records
SET ahead = 0,
    generation = COALESCE(told.new_generation, records.generation),
    epoch = COALESCE(told.new_epoch, records.epoch),
    absolute_expiry_ms = COALESCE(told.new_absolute_expiry_ms, records.absolute_expiry_ms),
    expires_ms = COALESCE(told.new_expires_ms, records.expires_ms),
    bytes = COALESCE(told.new_bytes, records.bytes),
    clock = COALESCE(told.new_clock, records.clock)
FROM json_to_recordset(CAST(:batch AS json))
     AS told (store_key text, generation bigint, expires_ms bigint, new_generation bigint,
          new_epoch bigint, new_absolute_expiry_ms bigint, new_expires_ms bigint,
          new_bytes text, new_clock bigint)
WHERE records.store_key = told.store_key AND records.ahead <> 0
  AND records.generation = told.generation AND records.expires_ms = told.expires_ms
