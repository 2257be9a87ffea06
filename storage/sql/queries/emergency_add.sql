-- Purpose: announces the ending of many sessions.
-- Parameters: operation, at, user_id, place (empty: any), begun_before, reason, actor.
INSERT INTO emergencies (operation, announced_ms, taken_ms, user_id, place, begun_before_ms, reason, actor)
VALUES (:operation, :at, :at, :user_id, :place, :begun_before, :reason, :actor)
