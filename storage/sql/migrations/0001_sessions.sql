-- Purpose: sessions of known users, the endings that may not be undone, and the records of the SQL session
--   store.
-- Times are milliseconds UTC since 1970, ids are lower-case hexadecimal, sealed bytes are base64url text.
-- docs/internals/sql_schema.md draws the tables.

CREATE TABLE sessions (
    handle             VARCHAR(32)  NOT NULL PRIMARY KEY,
    store_key          VARCHAR(25)  NOT NULL UNIQUE,
    user_id            VARCHAR(512) NOT NULL,
    user_tag           VARCHAR(32)  NOT NULL,
    created_ms         BIGINT       NOT NULL,
    authenticated_ms   BIGINT       NOT NULL,
    absolute_expiry_ms BIGINT       NOT NULL,
    idle_limit_s       BIGINT       NOT NULL,
    device             VARCHAR(256) NOT NULL,
    place              VARCHAR(128) NOT NULL,
    platform           VARCHAR(255) NOT NULL,
    epoch              BIGINT       NOT NULL,
    begun_ms           BIGINT       NOT NULL,
    confirmed          SMALLINT     NOT NULL,
    ended_ms           BIGINT,
    end_reason         VARCHAR(64)  NOT NULL,
    end_operation      VARCHAR(32)
);

CREATE INDEX sessions_by_user ON sessions (user_id, created_ms DESC, handle);
CREATE INDEX sessions_by_time ON sessions (created_ms DESC, handle);
CREATE INDEX sessions_live ON sessions (ended_ms, created_ms DESC, handle);
CREATE INDEX sessions_by_end_operation ON sessions (end_operation);

-- sequence: the last one taken by an ending. mark: the last one applied by the SQL session store.
CREATE TABLE shards (
    shard    SMALLINT NOT NULL PRIMARY KEY,
    sequence BIGINT   NOT NULL,
    mark     BIGINT   NOT NULL
);

INSERT INTO shards (shard, sequence, mark)
WITH RECURSIVE every (shard) AS (SELECT 0 UNION ALL SELECT shard + 1 FROM every WHERE shard < 255)
SELECT shard, 0, 0 FROM every;

-- store_key is NULL where a whole user ended: every session below `epoch` is dead then.
CREATE TABLE revocations (
    shard     SMALLINT    NOT NULL,
    sequence  BIGINT      NOT NULL,
    store_key VARCHAR(25),
    user_tag  VARCHAR(32) NOT NULL,
    epoch     BIGINT      NOT NULL,
    at_ms     BIGINT      NOT NULL,
    until_ms  BIGINT      NOT NULL,
    operation VARCHAR(32),
    PRIMARY KEY (shard, sequence)
);

CREATE INDEX revocations_by_operation ON revocations (operation);

CREATE TABLE user_epochs (
    user_tag  VARCHAR(32) NOT NULL PRIMARY KEY,
    epoch     BIGINT      NOT NULL,
    raised_ms BIGINT      NOT NULL
);

CREATE INDEX user_epochs_by_time ON user_epochs (raised_ms);

-- Apart from `sessions`, because anonymous sessions and rotation notes have no row there, and a save must not
-- rewrite what operators query.
CREATE TABLE records (
    store_key          VARCHAR(25) NOT NULL PRIMARY KEY,
    user_tag           VARCHAR(32),
    handle             VARCHAR(32) NOT NULL,
    is_note            SMALLINT    NOT NULL,
    generation         BIGINT      NOT NULL,
    epoch              BIGINT      NOT NULL,
    absolute_expiry_ms BIGINT      NOT NULL,
    expires_ms         BIGINT      NOT NULL,
    bytes              TEXT        NOT NULL
);

CREATE INDEX records_by_user ON records (user_tag);
CREATE INDEX records_by_expiry ON records (expires_ms);
