-- Purpose: switches the fallback for all processes.
-- Parameters: mode (auto, on, off), now, actor.
UPDATE fallback_state SET mode = :mode, changed_ms = :now, actor = :actor WHERE id = 1
