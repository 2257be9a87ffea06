-- Purpose: a login; unconfirmed until the hot store acknowledged the record.
-- Parameters: the columns, without those of the ending; now as begun_ms.
INSERT INTO sessions (handle, store_key, user_id, user_tag, created_ms, authenticated_ms, absolute_expiry_ms,
                      idle_limit_s, device, place, platform, epoch, begun_ms, confirmed, end_reason)
VALUES (:handle, :store_key, :user_id, :user_tag, :created_ms, :authenticated_ms, :absolute_expiry_ms,
        :idle_limit_s, :device, :place, :platform, :epoch, :begun_ms, 0, '')
