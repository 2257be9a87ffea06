-- Purpose: as records_settle, where the rows have no further use.
-- Plan: as there.
-- Parameters: batch (a JSON array of objects with store_key, generation and expires_ms, as they were read).
DELETE FROM records
WHERE store_key IN
      (SELECT records.store_key
       FROM (SELECT json_extract(value, '$.store_key') AS store_key,
                    json_extract(value, '$.generation') AS generation,
                    json_extract(value, '$.expires_ms') AS expires_ms
             FROM json_each(:batch)) told
       JOIN records
         ON records.store_key = told.store_key AND records.ahead <> 0
            AND records.generation = told.generation AND records.expires_ms = told.expires_ms)
