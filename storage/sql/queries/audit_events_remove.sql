-- Purpose: removes events of a partition that was dropped.
-- Parameters: first and last (inclusive).
DELETE FROM audit_events WHERE id >= :first AND id <= :last
