-- Purpose: those of many store keys of which a record or note is here that is not expired.
-- Parameters: batch (a JSON array of objects with store_key), now.
SELECT looked.store_key
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (store_key VARCHAR(25) PATH '$.store_key')) looked
WHERE EXISTS (SELECT 1 FROM records
              WHERE records.store_key = looked.store_key AND records.expires_ms > :now)
