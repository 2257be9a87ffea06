-- Purpose: how many events name a subject.
-- Parameters: subject.
SELECT COUNT(*) FROM audit_events WHERE subject = :subject
