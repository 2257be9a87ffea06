-- Purpose: locks the open partition until the commit, and makes room for events.
-- Parameters: count (how many; 0 only locks).
UPDATE audit_trail SET size = size + :count WHERE trail = 1
