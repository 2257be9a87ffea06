-- Purpose: the users of sessions, and whether they are open under that key.
-- Parameters: batch (a JSON array of objects with handle and store_key).
SELECT sessions.handle, sessions.user_tag,
       CASE WHEN sessions.ended_ms IS NULL AND sessions.store_key = gone.store_key THEN 1 ELSE 0 END
FROM (SELECT json_extract(value, '$.handle') AS handle,
             json_extract(value, '$.store_key') AS store_key
      FROM json_each(:batch)) gone
JOIN sessions ON sessions.handle = gone.handle
