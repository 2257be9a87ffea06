-- Purpose: removes a record that is not expired; its count says whether one was there.
-- Parameters: store_key, now.
DELETE FROM records WHERE store_key = :store_key AND is_note = 0 AND expires_ms > :now
