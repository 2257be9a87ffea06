-- Purpose: a user was erased, once more.
-- Parameters: user_tag, now.
UPDATE statistics_erased SET erased_ms = :now WHERE user_tag = :user_tag
