-- Purpose: the minimum epoch of a user.
-- Parameters: user_tag.
SELECT epoch FROM user_epochs WHERE user_tag = :user_tag
