-- Purpose: the open partition.
SELECT partition_id, first_id, size, frontier FROM audit_trail WHERE trail = 1
