-- Purpose: the keys of all records that belong to a logged-in user, by key.
-- Parameters: after (a store key; empty: from the first), page (rows at most).
SELECT store_key
FROM records
WHERE store_key > :after AND is_note = 0 AND user_tag IS NOT NULL
ORDER BY store_key
LIMIT :page
