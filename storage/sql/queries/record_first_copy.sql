-- Purpose: the first copy of a new record; nothing where there is one already.
-- Parameters: the columns.
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
VALUES (:store_key, :user_tag, :handle, 0, :generation, :epoch, :absolute_expiry_ms, :expires_ms, :bytes,
        :clock, 0)
ON CONFLICT (store_key) DO NOTHING
