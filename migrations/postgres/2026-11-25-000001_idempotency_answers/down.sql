DROP TABLE idempotency_keys;
CREATE TABLE idempotency_keys (
    scope_hash bytea NOT NULL PRIMARY KEY,
    body_hash bytea NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('running', 'done')),
    leased_until timestamptz NOT NULL,
    status integer,
    headers text COLLATE "C",
    body bytea,
    expires_at timestamptz NOT NULL
);
