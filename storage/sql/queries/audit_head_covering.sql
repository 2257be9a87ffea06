-- Purpose: the newest signed head of a partition in a size.
-- Parameters: partition_id, size.
SELECT number, partition_id, size, root, at_ms, previous, key_id, signature
FROM audit_heads
WHERE partition_id = :partition_id AND size = :size
ORDER BY number DESC
LIMIT 1
