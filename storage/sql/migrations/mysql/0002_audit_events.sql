-- Purpose: the audit trail. A position is never given twice, even after retention.
-- operation_part numbers the events of one operation: a repeated operation cannot write them again.
-- partition_id and leaf_hash are reserved for the tamper-evident trail; NULL in this version.

CREATE TABLE audit_events (
    id             BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at_ms          BIGINT       NOT NULL,
    type           VARCHAR(64)  NOT NULL,
    handle         VARCHAR(32),
    user_id        VARCHAR(512) NOT NULL,
    actor          VARCHAR(255) NOT NULL,
    detail         TEXT         NOT NULL,
    operation      VARCHAR(32),
    operation_part BIGINT       NOT NULL,
    partition_id   BIGINT,
    leaf_hash      VARCHAR(64),
    UNIQUE (operation, operation_part)
);

CREATE INDEX audit_events_by_user ON audit_events (user_id, id);
CREATE INDEX audit_events_by_handle ON audit_events (handle, id);
CREATE INDEX audit_events_by_type ON audit_events (type, id);
CREATE INDEX audit_events_by_time ON audit_events (at_ms);
