-- Purpose: the users of sessions, and whether they are open under that key.
-- Parameters: batch (a JSON array of objects with handle and store_key).
SELECT sessions.handle, sessions.user_tag,
       CASE WHEN sessions.ended_ms IS NULL AND sessions.store_key = gone.store_key THEN 1 ELSE 0 END
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         handle VARCHAR(32) PATH '$.handle',
         store_key VARCHAR(25) PATH '$.store_key')) gone
JOIN sessions ON sessions.handle = gone.handle
