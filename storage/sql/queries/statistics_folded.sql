-- Purpose: figures of sessions whose rows are gone.
-- Parameters: dimension, name and any_name (1: whatever name), since and until (whole days, in ms), each_day (1: day by
--   day).
SELECT told.on_day, told.name, told.bucket, SUM(told.sessions), SUM(told.duration_ms)
FROM (SELECT CASE WHEN :each_day = 1 THEN day_ms ELSE 0 END AS on_day, name, bucket, sessions, duration_ms
      FROM session_statistics
      WHERE dimension = :dimension AND day_ms >= :since AND day_ms < :until
        AND (:any_name = 1 OR name = :name)) told
GROUP BY told.on_day, told.name, told.bucket
