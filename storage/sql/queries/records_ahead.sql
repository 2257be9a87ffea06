-- Purpose: what the hot store was not told yet, in order of keys.
-- Parameters: after (a store key; empty: from the first), page (rows at most).
SELECT store_key, bytes, is_note, expires_ms, generation, epoch, user_tag
FROM records
WHERE ahead = 1 AND store_key > :after
ORDER BY store_key
LIMIT :page
