-- Purpose: removes a few expired records; each create does, so that they do not pile up. Rows that another
--   create removes at this moment are passed over; what the hot store was not told yet stays.
-- Parameters: now, page (rows at most).
DELETE FROM records
WHERE store_key IN (SELECT store_key
                    FROM (SELECT store_key FROM records
                          WHERE expires_ms <= :now AND ahead = 0 ORDER BY expires_ms LIMIT :page
                          FOR UPDATE SKIP LOCKED) AS expired)
