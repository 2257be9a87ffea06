-- Purpose: says that a closed partition's events stand in an archive now.
-- Parameters: partition_id, now.
UPDATE audit_partitions SET dropped_ms = :now WHERE partition_id = :partition_id AND dropped_ms IS NULL
