-- Purpose: the key that seals entries of a subject from now on.
-- Parameters: subject.
SELECT key_id, sealed_key FROM audit_subjects WHERE subject = :subject
