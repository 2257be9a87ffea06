-- Purpose: the users of sessions, and whether they are open under that key.
-- Parameters: batch (a JSON array of objects with handle and store_key).
SELECT sessions.handle, sessions.user_tag,
       CASE WHEN sessions.ended_ms IS NULL AND sessions.store_key = gone.store_key THEN 1 ELSE 0 END
FROM json_to_recordset(CAST(:batch AS json))
     AS gone (handle text, store_key text)
JOIN sessions ON sessions.handle = gone.handle
