-- Purpose: the closed partitions, oldest first.
SELECT partition_id, first_id, size, frontier, closed_ms, dropped_ms FROM audit_partitions ORDER BY partition_id
