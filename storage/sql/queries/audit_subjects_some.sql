-- Purpose: keys of any subjects.
-- Parameters: page (rows at most).
SELECT subject, key_id, sealed_key
FROM audit_subjects
ORDER BY key_id
LIMIT :page
