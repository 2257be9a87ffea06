-- Purpose: those of many store keys whose session ended a while ago: it was revoked, or closed.
-- Parameters: batch (a JSON array of objects with store_key), before (that time or earlier).
SELECT looked.store_key
FROM (SELECT json_extract(value, '$.store_key') AS store_key FROM json_each(:batch)) looked
WHERE EXISTS (SELECT 1 FROM revocations
              WHERE revocations.store_key = looked.store_key AND revocations.at_ms <= :before)
   OR EXISTS (SELECT 1 FROM sessions
              WHERE sessions.store_key = looked.store_key AND sessions.ended_ms <= :before)
