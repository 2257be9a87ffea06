-- Purpose: how the fallback is switched, and how many endings the hot store did not take.
SELECT mode, changed_ms, actor, held FROM fallback_state WHERE id = 1
