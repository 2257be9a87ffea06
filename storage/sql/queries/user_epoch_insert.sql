-- Purpose: the first raised epoch of a user.
-- Parameters: user_tag, epoch, now.
INSERT INTO user_epochs (user_tag, epoch, raised_ms) VALUES (:user_tag, :epoch, :now)
