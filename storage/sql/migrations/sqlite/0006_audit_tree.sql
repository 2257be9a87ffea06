-- Purpose: the audit trail as a Merkle tree for each month, with signed heads, and personal data under keys of their
--   own. docs/internals/audit_proof.md says what the hashes cover.
-- No version with the table before was released: its rows go, because they cannot be sealed and hashed in SQL.
-- INTEGER, because only that makes the id the key of the table itself.

DROP TABLE audit_events;

-- id: the position in the whole trail, without a gap. leaf_index: that in the partition.
CREATE TABLE audit_events (
    id             INTEGER      NOT NULL PRIMARY KEY,
    partition_id   BIGINT       NOT NULL,
    leaf_index     BIGINT       NOT NULL,
    at_ms          BIGINT       NOT NULL,
    type           VARCHAR(64)  NOT NULL,
    handle         VARCHAR(32),
    operation      VARCHAR(32),
    operation_part BIGINT       NOT NULL,
    subject        VARCHAR(32)  NOT NULL,
    personal       TEXT         NOT NULL,
    leaf_hash      VARCHAR(64)  NOT NULL,
    UNIQUE (operation, operation_part)
);

CREATE INDEX audit_events_by_subject ON audit_events (subject, id);
CREATE INDEX audit_events_by_handle ON audit_events (handle, id);
CREATE INDEX audit_events_by_type ON audit_events (type, id);
CREATE INDEX audit_events_by_time ON audit_events (at_ms);

-- One row: the open partition. Whoever writes events locks it first.
CREATE TABLE audit_trail (
    trail        SMALLINT NOT NULL PRIMARY KEY,
    partition_id BIGINT   NOT NULL,
    first_id     BIGINT   NOT NULL,
    size         BIGINT   NOT NULL,
    frontier     TEXT     NOT NULL
);

INSERT INTO audit_trail (trail, partition_id, first_id, size, frontier) VALUES (1, 0, 1, 0, '');

-- Those that are closed; they stay when their events are dropped.
CREATE TABLE audit_partitions (
    partition_id BIGINT NOT NULL PRIMARY KEY,
    first_id     BIGINT NOT NULL,
    size         BIGINT NOT NULL,
    frontier     TEXT   NOT NULL,
    closed_ms    BIGINT NOT NULL,
    dropped_ms   BIGINT
);

CREATE TABLE audit_holds (
    partition_id BIGINT       NOT NULL PRIMARY KEY,
    reason       VARCHAR(255) NOT NULL,
    at_ms        BIGINT       NOT NULL
);

CREATE TABLE audit_heads (
    number       BIGINT      NOT NULL PRIMARY KEY,
    partition_id BIGINT      NOT NULL,
    size         BIGINT      NOT NULL,
    root         VARCHAR(64) NOT NULL,
    at_ms        BIGINT      NOT NULL,
    previous     VARCHAR(64) NOT NULL,
    key_id       VARCHAR(16) NOT NULL,
    signature    VARCHAR(86) NOT NULL
);

-- The key that seals what the trail says of one subject. Without its row that is unreadable for ever.
CREATE TABLE audit_subjects (
    key_id     VARCHAR(32) NOT NULL PRIMARY KEY,
    subject    VARCHAR(32) NOT NULL UNIQUE,
    sealed_key VARCHAR(80) NOT NULL,
    made_ms    BIGINT      NOT NULL
);
