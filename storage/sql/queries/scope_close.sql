-- Purpose: ends the open sessions that an emergency concerns; the operation names them for the statements that follow.
-- Parameters: as scope_count; reason, operation.
UPDATE sessions
SET ended_ms = :now, end_reason = :reason, end_operation = :operation
WHERE ended_ms IS NULL AND absolute_expiry_ms > :now
  AND (:any_user = 1 OR user_id = :user_id) AND (:any_place = 1 OR place = :place)
  AND authenticated_ms < :begun_before
