-- Purpose: what is known of sessions that left the hot store, after sessions_close_gone: whose they are, whether they are
--   open under that key all the same, and when they ended if the operation closed them.
-- Parameters: batch (a JSON array of objects with handle and store_key), operation (of sessions_close_gone).
SELECT sessions.handle, sessions.user_tag,
       CASE WHEN sessions.ended_ms IS NULL AND sessions.store_key = gone.store_key THEN 1 ELSE 0 END,
       CASE WHEN sessions.end_operation = :operation AND sessions.store_key = gone.store_key
            THEN sessions.ended_ms END, sessions.user_id
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         handle VARCHAR(32) PATH '$.handle',
         store_key VARCHAR(25) PATH '$.store_key')) gone
JOIN sessions ON sessions.handle = gone.handle
