-- Purpose: the newest signed head.
SELECT number, partition_id, size, root, at_ms, previous, key_id, signature
FROM audit_heads
ORDER BY number DESC
LIMIT 1
