-- Purpose: how many open sessions an emergency concerns, and of how many users.
-- Parameters: now, any_user and any_place (1: whoever, from wherever), user_id, place, begun_before.
SELECT COUNT(*), COUNT(DISTINCT user_id)
FROM sessions
WHERE ended_ms IS NULL AND absolute_expiry_ms > :now
  AND (:any_user = 1 OR user_id = :user_id) AND (:any_place = 1 OR place = :place)
  AND authenticated_ms < :begun_before
