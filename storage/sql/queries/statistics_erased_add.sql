-- Purpose: a user was erased.
-- Parameters: user_tag, now.
INSERT INTO statistics_erased (user_tag, erased_ms) VALUES (:user_tag, :now)
