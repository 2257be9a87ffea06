-- Purpose: whose session a handle names, and whether it still holds that store key unended.
-- Parameters: handle, store_key.
SELECT user_tag, user_id, absolute_expiry_ms,
       CASE WHEN store_key = :store_key AND ended_ms IS NULL THEN 1 ELSE 0 END
FROM sessions
WHERE handle = :handle
