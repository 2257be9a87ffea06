-- Purpose: whether the database answers.
-- Parameters: none.
SELECT 1
