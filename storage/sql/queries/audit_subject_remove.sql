-- Purpose: forgets a subject's key.
-- Parameters: subject.
DELETE FROM audit_subjects WHERE subject = :subject
