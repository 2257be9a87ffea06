-- Purpose: signed heads by number.
-- Parameters: after (number), until (number, inclusive), page (rows at most).
SELECT number, partition_id, size, root, at_ms, previous, key_id, signature
FROM audit_heads
WHERE number > :after AND number <= :until
ORDER BY number
LIMIT :page
