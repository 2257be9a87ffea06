-- Purpose: partitions that must stay.
SELECT partition_id, reason FROM audit_holds ORDER BY partition_id
