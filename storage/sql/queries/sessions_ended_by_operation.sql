-- Purpose: what an earlier attempt of the same operation ended.
-- Parameters: operation.
SELECT handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms, idle_limit_s,
       device, place, platform, ended_ms, end_reason, confirmed, begun_ms, epoch
FROM sessions
WHERE end_operation = :operation
ORDER BY handle
