-- Purpose: the lowest id that is there within bounds.
-- Parameters: first and last (inclusive).
SELECT MIN(id) FROM audit_events WHERE id >= :first AND id <= :last
