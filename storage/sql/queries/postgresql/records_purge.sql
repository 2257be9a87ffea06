-- Purpose: removes a few expired records; each create does, so that they do not pile up. Rows that another
--   create removes at this moment are passed over; what the hot store was not told yet stays.
-- Plan: by records_by_expiry, which `ahead = 0` may lead away from.
-- Parameters: now, page (rows at most).
DELETE FROM records
WHERE store_key IN (SELECT store_key FROM records
                    WHERE expires_ms <= :now AND ahead <> 1 ORDER BY expires_ms LIMIT :page
                    FOR UPDATE SKIP LOCKED)
