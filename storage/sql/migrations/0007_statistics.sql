-- Purpose: how many sessions there were and how long they lasted, of those whose rows are gone. What rows are kept is
--   counted when somebody asks: a session is in `sessions` or in here, never in both.
-- dimension: all, user (name is the tag), device, platform, place, reason. bucket: a class of length; -1: sessions that
--   began, by the day they began.
-- statistics_erased: sessions of this user that began before are nobody's here.

CREATE TABLE session_statistics (
    dimension   VARCHAR(16)  NOT NULL,
    day_ms      BIGINT       NOT NULL,
    name        VARCHAR(255) NOT NULL,
    bucket      SMALLINT     NOT NULL,
    sessions    BIGINT       NOT NULL,
    duration_ms BIGINT       NOT NULL,
    PRIMARY KEY (dimension, day_ms, name, bucket)
);

CREATE INDEX session_statistics_by_name ON session_statistics (dimension, name);
CREATE INDEX session_statistics_by_day ON session_statistics (day_ms);

CREATE TABLE statistics_erased (
    user_tag  VARCHAR(32) NOT NULL PRIMARY KEY,
    erased_ms BIGINT      NOT NULL
);
