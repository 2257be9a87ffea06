-- Purpose: adds figures to those that stand there.
-- Parameters: batch (a JSON array of objects with the columns, each key once).
INSERT INTO session_statistics (dimension, day_ms, name, bucket, sessions, duration_ms)
SELECT added.dimension, added.day_ms, added.name, added.bucket, added.sessions, added.duration_ms
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
         dimension VARCHAR(16) PATH '$.dimension',
         day_ms BIGINT PATH '$.day_ms',
         name VARCHAR(255) PATH '$.name',
         bucket SMALLINT PATH '$.bucket',
         sessions BIGINT PATH '$.sessions',
         duration_ms BIGINT PATH '$.duration_ms')) added
ON DUPLICATE KEY UPDATE sessions = session_statistics.sessions + VALUES(sessions),
                        duration_ms = session_statistics.duration_ms + VALUES(duration_ms)
