-- Purpose: says that the events of a closed partition go.
-- Parameters: partition_id, now.
UPDATE audit_partitions SET dropped_ms = :now WHERE partition_id = :partition_id AND dropped_ms IS NULL
