-- Purpose: the first raised epoch of those users who had none.
-- Parameters: operation, now.
INSERT INTO user_epochs (user_tag, epoch, raised_ms)
SELECT DISTINCT user_tag, 1, :now
FROM sessions
WHERE end_operation = :operation
  AND NOT EXISTS (SELECT 1 FROM user_epochs known WHERE known.user_tag = sessions.user_tag)
