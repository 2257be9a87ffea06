-- Purpose: how large some copies of records are; for the doctor.
-- Parameters: page (rows at most).
SELECT LENGTH(bytes), handle
FROM records
WHERE is_note = 0
ORDER BY store_key
LIMIT :page
