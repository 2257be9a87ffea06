-- Purpose: adds figures to those that stand there.
-- Parameters: batch (a JSON array of objects with the columns, each key once).
INSERT INTO session_statistics (dimension, day_ms, name, bucket, sessions, duration_ms)
SELECT added.dimension, added.day_ms, added.name, added.bucket, added.sessions, added.duration_ms
FROM json_to_recordset(CAST(:batch AS json))
     AS added (dimension text, day_ms bigint, name text, bucket smallint, sessions bigint, duration_ms bigint)
ON CONFLICT (dimension, day_ms, name, bucket) DO UPDATE
SET sessions = session_statistics.sessions + excluded.sessions,
    duration_ms = session_statistics.duration_ms + excluded.duration_ms
