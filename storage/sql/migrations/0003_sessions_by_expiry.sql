-- Purpose: finds the open sessions whose absolute end has come, without looking at those that live.

CREATE INDEX sessions_by_expiry ON sessions (ended_ms, absolute_expiry_ms, handle);
