-- Purpose: what background jobs did and when they are due, the lease where there is no Redis, and an index for the
--   retention of revocations.
-- fence: the highest number under which the job acted; a lower one is refused.

CREATE TABLE jobs (
    job          VARCHAR(64)  NOT NULL PRIMARY KEY,
    fence        BIGINT       NOT NULL,
    holder       VARCHAR(128) NOT NULL,
    started_ms   BIGINT       NOT NULL,
    finished_ms  BIGINT       NOT NULL,
    succeeded_ms BIGINT       NOT NULL,
    next_due_ms  BIGINT       NOT NULL,
    outcome      VARCHAR(16)  NOT NULL,
    detail       TEXT         NOT NULL,
    removed      BIGINT       NOT NULL,
    removed_last BIGINT       NOT NULL,
    lag_ms       BIGINT       NOT NULL,
    runs         BIGINT       NOT NULL,
    failures     BIGINT       NOT NULL
);

CREATE TABLE job_lease (
    lease    VARCHAR(32)  NOT NULL PRIMARY KEY,
    holder   VARCHAR(128) NOT NULL,
    fence    BIGINT       NOT NULL,
    until_ms BIGINT       NOT NULL
);

INSERT INTO job_lease (lease, holder, fence, until_ms) VALUES ('jobs', '', 0, 0);

CREATE INDEX revocations_by_until ON revocations (until_ms);
