-- Purpose: removes a few expired records; each create does, so that they do not pile up. Rows that another
--   create removes at this moment are passed over; what the hot store was not told yet stays.
-- Plan: by records_by_expiry. As a condition (IN) this reads, and locks, every row of the table.
-- Parameters: now, page (rows at most).
DELETE records
FROM records
JOIN (SELECT store_key FROM records
      WHERE expires_ms <= :now AND ahead <> 1 ORDER BY expires_ms LIMIT :page
      FOR UPDATE SKIP LOCKED) AS expired
  ON expired.store_key = records.store_key
