-- Purpose: the lowest and the highest id that are there.
SELECT MIN(id), MAX(id) FROM audit_events
