-- Purpose: all records and notes, by key.
-- Parameters: after (a store key; empty: from the first), page (rows at most).
SELECT store_key, bytes, is_note, expires_ms FROM records WHERE store_key > :after ORDER BY store_key LIMIT :page
