-- Purpose: removes the sessions that sessions_purge_choose named, in the same transaction.
-- Parameters: operation as there.
DELETE FROM sessions WHERE end_operation = :operation
