-- Purpose: raises the epoch of every user of whom an emergency ended a session.
-- Parameters: operation, now.
UPDATE user_epochs
SET epoch = epoch + 1, raised_ms = :now
WHERE user_tag IN (SELECT user_tag FROM sessions WHERE end_operation = :operation)
