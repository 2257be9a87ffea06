-- Purpose: an audited change of platform; ended sessions refuse it.
-- Parameters: handle, platform.
UPDATE sessions SET platform = :platform WHERE handle = :handle AND ended_ms IS NULL
