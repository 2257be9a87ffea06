-- Purpose: the first copy of a record.
-- Parameters: the columns.
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes)
VALUES (:store_key, :user_tag, :handle, 0, :generation, :epoch, :absolute_expiry_ms, :expires_ms, :bytes)
