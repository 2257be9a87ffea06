-- Purpose: the list of migrations that were applied; the one table made outside a migration.
-- Parameters: none.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    BIGINT       NOT NULL PRIMARY KEY,
    name       VARCHAR(128) NOT NULL,
    checksum   VARCHAR(16)  NOT NULL,
    applied_ms BIGINT       NOT NULL
)
