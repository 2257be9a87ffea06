-- Purpose: how many records the hot store was not told yet, counted up to a bound.
-- Parameters: page (the bound).
SELECT COUNT(*) FROM (SELECT store_key FROM records WHERE ahead = 1 LIMIT :page) AS waiting
