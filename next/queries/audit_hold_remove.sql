-- Purpose: a partition's events may go.
-- Parameters: partition_id.
DELETE FROM audit_holds WHERE partition_id = :partition_id
