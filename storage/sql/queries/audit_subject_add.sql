-- Purpose: a new subject's key.
-- Parameters: the columns.
INSERT INTO audit_subjects (key_id, subject, sealed_key, made_ms)
VALUES (:key_id, :subject, :sealed_key, :made_ms)
