-- Purpose: closes the rows of sessions whose record left the hot store, unless a copy of it is alive here. A row that
--   ended otherwise, or holds another key by now, stays.
-- Plan: the batch drives. The unary plus keeps SQLite from walking an index of all sessions, and the batch for each.
-- Parameters: batch (a JSON array of objects with handle and store_key), now, reason, operation (names this statement).
UPDATE sessions
SET ended_ms = MIN(:now, absolute_expiry_ms), end_reason = :reason, end_operation = :operation
FROM (SELECT json_extract(value, '$.handle') AS handle,
             json_extract(value, '$.store_key') AS store_key
      FROM json_each(:batch)) gone
WHERE gone.handle = sessions.handle AND gone.store_key = sessions.store_key AND +sessions.ended_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM records
                  WHERE records.store_key = gone.store_key AND records.is_note = 0 AND records.expires_ms > :now)
