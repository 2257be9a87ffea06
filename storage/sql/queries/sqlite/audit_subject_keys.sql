-- Purpose: the keys that seal what the trail says of subjects from now on.
-- Parameters: batch (a JSON array of objects with subject).
SELECT audit_subjects.subject, audit_subjects.key_id, audit_subjects.sealed_key
FROM (SELECT json_extract(value, '$.subject') AS subject
      FROM json_each(:batch)) fresh
JOIN audit_subjects ON audit_subjects.subject = fresh.subject
