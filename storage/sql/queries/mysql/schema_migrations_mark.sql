-- Purpose: how far a migration came; its checksum once all of it stands.
-- Parameters: version, checksum (or "try n", "done n": so many statements stand).
UPDATE schema_migrations SET checksum = :checksum WHERE version = :version
