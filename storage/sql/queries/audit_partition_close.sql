-- Purpose: keeps the tree of a partition that is not written to any more.
-- Parameters: the columns but dropped_ms.
INSERT INTO audit_partitions (partition_id, first_id, size, frontier, closed_ms)
VALUES (:partition_id, :first_id, :size, :frontier, :closed_ms)
