-- Purpose: a signed head.
-- Parameters: the columns.
INSERT INTO audit_heads (number, partition_id, size, root, at_ms, previous, key_id, signature)
VALUES (:number, :partition_id, :size, :root, :at_ms, :previous, :key_id, :signature)
