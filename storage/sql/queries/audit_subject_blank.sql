-- Purpose: overwrites a subject's key before it is removed.
-- Parameters: subject, blank (as long as a key).
UPDATE audit_subjects SET sealed_key = :blank WHERE subject = :subject
