-- Answers and what a request has reached are kept sealed; keys live for two days, so none is carried over.
DROP TABLE idempotency_keys;
CREATE TABLE idempotency_keys (
    scope_hash bytea NOT NULL PRIMARY KEY,
    body_hash bytea NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('running', 'done')),
    leased_until timestamptz NOT NULL,
    progress bytea,
    answer bytea,
    expires_at timestamptz NOT NULL,
    CHECK ((state = 'done') = (answer IS NOT NULL))
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
