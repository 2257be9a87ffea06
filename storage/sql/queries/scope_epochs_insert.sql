-- Purpose: the first raised epoch of those users who had none.
-- Parameters: operation.
INSERT INTO user_epochs (user_tag, epoch, raised_ms)
SELECT user_tag, 1, MAX(ended_ms)
FROM sessions
WHERE end_operation = :operation
  AND NOT EXISTS (SELECT 1 FROM user_epochs known WHERE known.user_tag = sessions.user_tag)
GROUP BY user_tag
