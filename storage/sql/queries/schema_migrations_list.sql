-- Purpose: what was applied, in order.
-- Parameters: none.
SELECT version, name, checksum FROM schema_migrations ORDER BY version
