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
FROM (SELECT json_extract(value, '$.store_key') AS store_key,
             json_extract(value, '$.generation') AS generation,
             json_extract(value, '$.expires_ms') AS expires_ms,
             json_extract(value, '$.new_generation') AS new_generation,
             json_extract(value, '$.new_epoch') AS new_epoch,
             json_extract(value, '$.new_absolute_expiry_ms') AS new_absolute_expiry_ms,
             json_extract(value, '$.new_expires_ms') AS new_expires_ms,
             json_extract(value, '$.new_bytes') AS new_bytes,
             json_extract(value, '$.new_clock') AS new_clock
      FROM json_each(:batch)) told
WHERE records.store_key = told.store_key AND records.ahead <> 0
  AND records.generation = told.generation AND records.expires_ms = told.expires_ms
