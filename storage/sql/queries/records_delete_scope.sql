-- Purpose: removes the records of sessions that an emergency ended.
-- Parameters: operation.
DELETE FROM records WHERE store_key IN (SELECT store_key FROM sessions WHERE end_operation = :operation)
