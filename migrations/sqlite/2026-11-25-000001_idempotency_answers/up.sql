-- Answers and what a request has reached are kept sealed; keys live for two days, so none is carried over.
DROP TABLE idempotency_keys;
CREATE TABLE idempotency_keys (
    scope_hash BLOB NOT NULL PRIMARY KEY,
    body_hash BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
    leased_until INTEGER NOT NULL,
    progress BLOB,
    answer BLOB,
    expires_at INTEGER NOT NULL,
    CHECK ((state = 'done') = (answer IS NOT NULL))
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
