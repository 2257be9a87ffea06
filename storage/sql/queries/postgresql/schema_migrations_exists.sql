-- Purpose: whether this database was ever migrated, where the search path leads.
-- Parameters: none.
SELECT CASE WHEN to_regclass('schema_migrations') IS NULL THEN 0 ELSE 1 END
