-- Purpose: raises the epoch of every user of whom an emergency ended a session.
-- Plan: joined, because MariaDB asks a condition with IN anew for every user there is.
-- Parameters: operation, now.
UPDATE user_epochs
JOIN (SELECT DISTINCT user_tag FROM sessions WHERE end_operation = :operation) ended
  ON ended.user_tag = user_epochs.user_tag
SET user_epochs.epoch = user_epochs.epoch + 1, user_epochs.raised_ms = :now
