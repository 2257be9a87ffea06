-- Purpose: epochs raised at or after a moment.
-- Parameters: since.
SELECT user_tag, epoch FROM user_epochs WHERE raised_ms >= :since ORDER BY raised_ms
