-- Purpose: one process goes on with an ending whose announcer is gone.
-- Parameters: operation, seen (when it was taken before), now.
UPDATE emergencies SET taken_ms = :now WHERE operation = :operation AND taken_ms = :seen
