-- Purpose: leaf hashes in order, for proofs.
-- Parameters: after (id), until (id, inclusive), page (rows at most).
SELECT leaf_hash
FROM audit_events
WHERE id > :after AND id <= :until
ORDER BY id
LIMIT :page
