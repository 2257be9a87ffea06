-- Purpose: notes that a migration was applied.
-- Parameters: version, name, checksum (of the file), now.
INSERT INTO schema_migrations (version, name, checksum, applied_ms)
VALUES (:version, :name, :checksum, :now)
