-- Purpose: the hot store acknowledged the record of a login; not if the session lives under another key by now.
-- Parameters: handle, store_key.
UPDATE sessions SET confirmed = 1 WHERE handle = :handle AND store_key = :store_key AND ended_ms IS NULL
