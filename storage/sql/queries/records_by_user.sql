-- Purpose: live records of a user, without those that an ending of the whole user made stale.
-- Parameters: user_tag, epoch (the user's current one), now.
SELECT store_key, handle, absolute_expiry_ms
FROM records
WHERE user_tag = :user_tag AND is_note = 0 AND epoch >= :epoch AND expires_ms > :now
ORDER BY store_key
