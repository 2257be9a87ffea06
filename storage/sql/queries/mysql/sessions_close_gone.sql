-- Purpose: closes the rows of sessions whose record left the hot store, unless a copy of it is alive here. A row that
--   ended otherwise, or holds another key by now, stays.
-- Parameters: batch (a JSON array of objects with handle and store_key), now, reason, operation (names this statement).
UPDATE JSON_TABLE(:batch, '$[*]' COLUMNS (
         handle VARCHAR(32) PATH '$.handle',
         store_key VARCHAR(25) PATH '$.store_key')) gone
STRAIGHT_JOIN sessions
  ON gone.handle = sessions.handle AND gone.store_key = sessions.store_key
SET sessions.ended_ms = LEAST(:now, sessions.absolute_expiry_ms), sessions.end_reason = :reason,
    sessions.end_operation = :operation
WHERE sessions.ended_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM records
                  WHERE records.store_key = gone.store_key AND records.is_note = 0 AND records.expires_ms > :now)
