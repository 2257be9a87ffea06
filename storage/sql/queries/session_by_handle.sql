-- Purpose: one session, ended or not.
-- Parameters: handle.
SELECT handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms, idle_limit_s,
       device, place, platform, ended_ms, end_reason, confirmed, begun_ms, epoch
FROM sessions
WHERE handle = :handle
