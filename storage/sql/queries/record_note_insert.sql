-- Purpose: as record_note_replace, where nothing stands.
-- Parameters: as there.
INSERT INTO records (store_key, user_tag, handle, is_note, generation, epoch, absolute_expiry_ms,
                     expires_ms, bytes, clock, ahead)
VALUES (:store_key, NULL, '', 1, 0, 0, :absolute_expiry_ms, :expires_ms, :bytes, 0, :ahead)
