-- Purpose: whether this database was ever migrated (each engine has its own catalogue).
-- Parameters: none.
SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'
