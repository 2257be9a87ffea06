-- Purpose: removes the copies of a shard, in a database that was restored: some may be of sessions that ended since. What
--   the hot store was not told yet stays.
-- Parameters: low and high (user tags of the shard lie between).
DELETE FROM records WHERE user_tag >= :low AND user_tag < :high AND ahead <> 1
