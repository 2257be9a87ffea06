-- Purpose: a partition may go when its time comes.
-- Parameters: partition_id.
DELETE FROM audit_holds WHERE partition_id = :partition_id
