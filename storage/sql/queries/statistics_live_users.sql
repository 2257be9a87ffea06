-- Purpose: how many users have live sessions, and how many of them several.
-- Parameters: as statistics_live.
SELECT COUNT(*), COALESCE(SUM(CASE WHEN owners.owned > 1 THEN 1 ELSE 0 END), 0)
FROM (SELECT COUNT(*) AS owned
      FROM sessions
      WHERE ended_ms IS NULL AND absolute_expiry_ms > :now AND (confirmed = 1 OR begun_ms > :begun_after)
      GROUP BY user_tag) owners
