-- Purpose: as records_settle, where the rows have no further use.
-- Plan: as there.
-- Parameters: batch (a JSON array of objects with store_key, generation and expires_ms, as they were read).
DELETE FROM records
USING json_to_recordset(CAST(:batch AS json))
     AS told (store_key text, generation bigint, expires_ms bigint)
WHERE records.store_key = told.store_key AND records.ahead <> 0
  AND records.generation = told.generation AND records.expires_ms = told.expires_ms
