-- Purpose: how large some copies of records are; for the doctor.
-- Parameters: after (a key; empty: from the first), page (rows at most).
SELECT LENGTH(bytes), handle
FROM records
WHERE store_key > :after AND is_note = 0
ORDER BY store_key
LIMIT :page
