-- Purpose: whether this database was ever migrated.
-- Parameters: none.
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'
