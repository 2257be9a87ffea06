-- Purpose: the session that holds a store key now, ended or not.
-- Parameters: store_key.
SELECT handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms, idle_limit_s,
       device, place, platform, ended_ms, end_reason, confirmed, begun_ms, epoch
FROM sessions
WHERE store_key = :store_key
