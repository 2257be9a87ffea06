-- Purpose: live records of a user.
-- Parameters: user_tag, now.
SELECT store_key, handle, absolute_expiry_ms
FROM records
WHERE user_tag = :user_tag AND is_note = 0 AND expires_ms > :now
ORDER BY store_key
