-- Purpose: removes the figures of one user; those of all users stay.
-- Parameters: user_tag.
DELETE FROM session_statistics WHERE dimension = 'user' AND name = :user_tag
