-- Purpose: the open partition after events were added, or after it became another one.
-- Parameters: the columns.
UPDATE audit_trail
SET partition_id = :partition_id, first_id = :first_id, size = :size, frontier = :frontier
WHERE trail = 1
