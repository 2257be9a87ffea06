-- Purpose: a user was erased.
-- Parameters: user_tag, until (sessions of theirs that began until then have no name).
INSERT INTO statistics_erased (user_tag, erased_ms) VALUES (:user_tag, :until)
