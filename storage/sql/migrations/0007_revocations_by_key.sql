-- Purpose: finds the revocation of one key: what ended stays ended, also where its row is not known (yet).

CREATE INDEX revocations_by_key ON revocations (store_key);
