-- Purpose: how many copies of sessions of known users there are.
-- Parameters: none.
SELECT COUNT(*) FROM records WHERE is_note = 0 AND user_tag IS NOT NULL
