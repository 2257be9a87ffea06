-- Purpose: adds figures to those that stand there.
-- Parameters: batch (a JSON array of objects with the columns, each key once).
INSERT INTO session_statistics (dimension, day_ms, name, bucket, sessions, duration_ms)
SELECT json_extract(value, '$.dimension'), json_extract(value, '$.day_ms'), json_extract(value, '$.name'),
       json_extract(value, '$.bucket'), json_extract(value, '$.sessions'), json_extract(value, '$.duration_ms')
FROM json_each(:batch)
WHERE true
ON CONFLICT (dimension, day_ms, name, bucket) DO UPDATE
SET sessions = session_statistics.sessions + excluded.sessions,
    duration_ms = session_statistics.duration_ms + excluded.duration_ms
