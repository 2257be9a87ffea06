-- Purpose: retention of the audit trail, oldest first. Not of events that belong to a sealed partition.
-- Parameters: before, page (rows at most).
DELETE FROM audit_events
WHERE at_ms < :before AND partition_id IS NULL
ORDER BY at_ms
LIMIT :page
