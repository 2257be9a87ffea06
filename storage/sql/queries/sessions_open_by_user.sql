-- Purpose: sessions of a user that nobody ended, whether confirmed or not.
-- Parameters: user_id.
SELECT handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms, idle_limit_s,
       device, place, platform, ended_ms, end_reason, confirmed, begun_ms, epoch
FROM sessions
WHERE user_id = :user_id AND ended_ms IS NULL
ORDER BY handle
