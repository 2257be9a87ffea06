-- Purpose: records as they travel between the hot store and this database, and how the fallback is switched.

-- clock: the record's hybrid logical clock, so that generation and clock are compared without opening the bytes.
-- ahead = 1: written here while the hot store was away; it has not been told yet. A row with is_note = 1 and empty bytes
--   says that the record under the key was erased here.
ALTER TABLE records ADD COLUMN clock BIGINT NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN ahead SMALLINT NOT NULL DEFAULT 0;

CREATE INDEX records_ahead ON records (ahead, store_key);
CREATE INDEX revocations_by_key ON revocations (store_key);

-- One row. held: how many endings the hot store did not take; every process reads it, and refuses what ended since.
CREATE TABLE fallback_state (
    id         SMALLINT     NOT NULL PRIMARY KEY,
    mode       VARCHAR(16)  NOT NULL,
    changed_ms BIGINT       NOT NULL,
    actor      VARCHAR(255) NOT NULL,
    held       BIGINT       NOT NULL
);

INSERT INTO fallback_state (id, mode, changed_ms, actor, held) VALUES (1, 'auto', 0, 'system', 0);
