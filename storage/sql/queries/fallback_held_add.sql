-- Purpose: endings that the hot store did not take are announced to the other processes.
-- Parameters: count.
UPDATE fallback_state SET held = held + :count WHERE id = 1
