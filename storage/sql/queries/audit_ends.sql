-- Purpose: the lowest and the highest id that are there.
SELECT (SELECT MIN(id) FROM audit_events), (SELECT MAX(id) FROM audit_events)
