-- Purpose: what is counted of the sessions that sessions_purge_choose named, in the same transaction: not of logins
--   that nobody confirmed, unless they renewed a session. A user who was erased has no name.
-- Parameters: operation as there.
SELECT sessions.created_ms, sessions.ended_ms,
       CASE WHEN EXISTS (SELECT 1 FROM statistics_erased erased
                         WHERE erased.user_tag = sessions.user_tag AND erased.erased_ms >= sessions.created_ms)
            THEN '' ELSE sessions.user_tag END,
       sessions.device, sessions.platform, sessions.place, sessions.end_reason
FROM sessions
WHERE sessions.end_operation = :operation
  AND (sessions.confirmed = 1 OR sessions.authenticated_ms <> sessions.created_ms)
