-- Purpose: how old the live sessions are, by the class of length.
-- Parameters: now, begun_after (unconfirmed logins must be younger).
SELECT aged.bucket, COUNT(*), SUM(aged.age_ms)
FROM (SELECT live.age_ms,
             CASE WHEN live.age_ms < 60000 THEN 0
                  WHEN live.age_ms < 300000 THEN 1
                  WHEN live.age_ms < 900000 THEN 2
                  WHEN live.age_ms < 1800000 THEN 3
                  WHEN live.age_ms < 3600000 THEN 4
                  WHEN live.age_ms < 7200000 THEN 5
                  WHEN live.age_ms < 14400000 THEN 6
                  WHEN live.age_ms < 28800000 THEN 7
                  WHEN live.age_ms < 86400000 THEN 8
                  WHEN live.age_ms < 172800000 THEN 9
                  WHEN live.age_ms < 604800000 THEN 10
                  WHEN live.age_ms < 2592000000 THEN 11
                  ELSE 12 END AS bucket
      FROM (SELECT CASE WHEN created_ms < :now THEN :now - created_ms ELSE 0 END AS age_ms
            FROM sessions
            WHERE ended_ms IS NULL AND absolute_expiry_ms > :now
              AND (confirmed = 1 OR begun_ms > :begun_after)) live) aged
GROUP BY aged.bucket
