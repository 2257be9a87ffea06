-- Purpose: copies of sessions of known users, in order of their keys, and whether their session is over.
-- Parameters: after (a store key; empty: from the first), page (rows at most).
SELECT records.store_key, records.bytes, records.expires_ms,
       CASE WHEN EXISTS (SELECT 1 FROM revocations WHERE revocations.store_key = records.store_key)
              OR EXISTS (SELECT 1 FROM sessions
                         WHERE sessions.store_key = records.store_key AND sessions.ended_ms IS NOT NULL)
              OR records.epoch < COALESCE((SELECT user_epochs.epoch FROM user_epochs
                                           WHERE user_epochs.user_tag = records.user_tag), 0)
            THEN 1 ELSE 0 END
FROM records
WHERE records.store_key > :after AND records.is_note = 0 AND records.user_tag IS NOT NULL
ORDER BY records.store_key
LIMIT :page
