-- Purpose: as records_settle, where the rows have no further use.
-- Plan: as there.
-- Parameters: batch (a JSON array of objects with store_key, generation and expires_ms, as they were read).
DELETE records
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         store_key VARCHAR(25) PATH '$.store_key',
         generation BIGINT PATH '$.generation',
         expires_ms BIGINT PATH '$.expires_ms')) told
STRAIGHT_JOIN records
  ON told.store_key = records.store_key
WHERE records.ahead <> 0 AND records.generation = told.generation AND records.expires_ms = told.expires_ms
