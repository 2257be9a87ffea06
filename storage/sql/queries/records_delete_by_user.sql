-- Purpose: removes the records of a user, except one.
-- Parameters: user_tag, keep (a store key; empty: none), now.
DELETE FROM records
WHERE user_tag = :user_tag AND store_key <> :keep AND expires_ms > :now
