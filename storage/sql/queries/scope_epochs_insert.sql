-- Purpose: a row for each user of whom an emergency ended a session and whose epoch was never raised: scope_epochs_raise
--   does that. Where somebody else raises it in the same moment, his row stays.
-- Parameters: operation.
INSERT INTO user_epochs (user_tag, epoch, raised_ms)
SELECT sessions.user_tag, 0, MAX(sessions.ended_ms)
FROM sessions
WHERE sessions.end_operation = :operation
GROUP BY sessions.user_tag
ON CONFLICT (user_tag) DO NOTHING
