-- Purpose: a new record.
-- Parameters: the columns (user_tag is NULL for anonymous sessions).
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
VALUES (:store_key, :user_tag, :handle, 0, :generation, :epoch, :absolute_expiry_ms, :expires_ms, :bytes,
        :clock, :ahead)
