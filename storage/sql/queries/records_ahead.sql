-- Purpose: what the hot store was not told yet, in order of keys, and whether its session is over.
-- Parameters: after (a store key; empty: from the first), page (rows at most).
SELECT records.store_key, records.bytes, records.is_note, records.expires_ms, records.generation,
       CASE WHEN EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = records.store_key)
              OR EXISTS (SELECT 1 FROM sessions
                         WHERE sessions.store_key = records.store_key AND sessions.ended_ms IS NOT NULL)
              OR records.epoch < COALESCE((SELECT user_epochs.epoch FROM user_epochs
                                           WHERE user_epochs.user_tag = records.user_tag), 0)
            THEN 1 ELSE 0 END
FROM records
WHERE records.ahead = 1 AND records.store_key > :after
ORDER BY records.store_key
LIMIT :page
