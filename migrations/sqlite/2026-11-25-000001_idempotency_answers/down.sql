DROP TABLE idempotency_keys;
CREATE TABLE idempotency_keys (
    scope_hash BLOB NOT NULL PRIMARY KEY,
    body_hash BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
    leased_until INTEGER NOT NULL,
    status INTEGER,
    headers TEXT,
    body BLOB,
    expires_at INTEGER NOT NULL
);
