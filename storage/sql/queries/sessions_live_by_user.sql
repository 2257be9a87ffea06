-- Purpose: live sessions of a user, newest first.
-- Parameters: user_id, now, begun_after (unconfirmed logins must be younger), after_created and after_handle
--   (the last row of the page before; the largest time and an empty handle for the first page), page (rows at
--   most).
SELECT handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms, idle_limit_s,
       device, place, platform, ended_ms, end_reason, confirmed, begun_ms, epoch
FROM sessions
WHERE user_id = :user_id
  AND ended_ms IS NULL AND absolute_expiry_ms > :now AND (confirmed = 1 OR begun_ms > :begun_after)
  AND (created_ms < :after_created OR (created_ms = :after_created AND handle > :after_handle))
ORDER BY created_ms DESC, handle
LIMIT :page
