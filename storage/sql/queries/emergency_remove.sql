-- Purpose: an announced ending is written.
-- Parameters: operation.
DELETE FROM emergencies WHERE operation = :operation
