-- Purpose: makes way for a new record where an expired one stands.
-- Parameters: store_key, now.
DELETE FROM records WHERE store_key = :store_key AND expires_ms <= :now
