-- Purpose: removes the records of sessions that an emergency ended.
-- Plan: joined, because MariaDB asks a condition with IN anew for every record there is.
-- Parameters: operation.
DELETE records
FROM records
JOIN sessions ON sessions.store_key = records.store_key
WHERE sessions.end_operation = :operation
