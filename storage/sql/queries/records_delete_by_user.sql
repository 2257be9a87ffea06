-- Purpose: removes the records of a user, except one and those of later epochs.
-- Parameters: user_tag, keep (a store key; empty: none), epoch_below (the largest number: all), now.
DELETE FROM records
WHERE user_tag = :user_tag AND store_key <> :keep AND epoch < :epoch_below AND expires_ms > :now
