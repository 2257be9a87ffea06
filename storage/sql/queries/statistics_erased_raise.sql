-- Purpose: a user was erased, once more.
-- Parameters: user_tag, until (sessions of theirs that began until then have no name).
UPDATE statistics_erased SET erased_ms = :until WHERE user_tag = :user_tag
