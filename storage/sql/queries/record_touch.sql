-- Purpose: new bytes (last_seen) and deadline of a record.
-- Parameters: store_key, expires_ms, bytes, ahead.
UPDATE records
SET expires_ms = :expires_ms, bytes = :bytes, ahead = :ahead
WHERE store_key = :store_key AND is_note = 0
