-- Purpose: closes the rows of sessions whose record left the hot store, unless a copy of it is alive here. A row that
--   ended otherwise, or holds another key by now, stays.
-- Parameters: batch (a JSON array of objects with handle and store_key), now, reason, operation (names this statement).
UPDATE sessions
SET ended_ms = LEAST(CAST(:now AS bigint), absolute_expiry_ms), end_reason = :reason, end_operation = :operation
FROM json_to_recordset(CAST(:batch AS json))
     AS gone (handle text, store_key text)
WHERE gone.handle = sessions.handle AND gone.store_key = sessions.store_key AND sessions.ended_ms IS NULL
  AND NOT EXISTS (SELECT 1 FROM records
                  WHERE records.store_key = gone.store_key AND records.is_note = 0 AND records.expires_ms > CAST(:now AS bigint))
