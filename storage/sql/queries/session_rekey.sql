-- Purpose: a re-authentication: the row lives on under a new key, unconfirmed again.
-- Parameters: as session_insert; handle names the row.
UPDATE sessions
SET store_key = :store_key, user_id = :user_id, user_tag = :user_tag, created_ms = :created_ms,
    authenticated_ms = :authenticated_ms, absolute_expiry_ms = :absolute_expiry_ms,
    idle_limit_s = :idle_limit_s, device = :device, place = :place, platform = :platform,
    epoch = :epoch, begun_ms = :begun_ms, confirmed = 0
WHERE handle = :handle
