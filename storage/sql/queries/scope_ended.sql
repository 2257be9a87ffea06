-- Purpose: what an emergency ended, by shard.
-- Parameters: operation.
SELECT store_key, user_tag FROM sessions WHERE end_operation = :operation ORDER BY store_key
