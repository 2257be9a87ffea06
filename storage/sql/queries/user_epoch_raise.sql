-- Purpose: raises the minimum epoch of a user; never lowers it.
-- Parameters: user_tag, epoch, now.
UPDATE user_epochs SET epoch = :epoch, raised_ms = :now WHERE user_tag = :user_tag AND epoch < :epoch
