-- Purpose: endings of many sessions that were announced and are not written yet. Every process refuses the sessions they name.
-- announced_ms: who logged in later is not concerned. begun_before_ms: nor is who logged in then or later.
-- taken_ms: when somebody last began to write it.

CREATE TABLE emergencies (
    operation       VARCHAR(32)  NOT NULL PRIMARY KEY,
    announced_ms    BIGINT       NOT NULL,
    taken_ms        BIGINT       NOT NULL,
    user_id         VARCHAR(512) NOT NULL,
    place           VARCHAR(128) NOT NULL,
    begun_before_ms BIGINT       NOT NULL,
    reason          VARCHAR(64)  NOT NULL,
    actor           VARCHAR(255) NOT NULL
);
