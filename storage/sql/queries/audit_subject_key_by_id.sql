-- Purpose: the key that an entry was sealed with; no row: it was erased.
-- Parameters: key_id.
SELECT subject, sealed_key FROM audit_subjects WHERE key_id = :key_id
