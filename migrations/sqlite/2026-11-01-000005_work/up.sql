-- Background work and what protects requests: rows, so that any number of processes share them (TIM-4).
CREATE TABLE jobs (
    bucket INTEGER NOT NULL,
    id BLOB NOT NULL,
    organization_id BLOB,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    leased_until INTEGER,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    last_error TEXT,
    created_at INTEGER NOT NULL,
    done_at INTEGER,
    PRIMARY KEY (bucket, id)
);
CREATE INDEX jobs_waiting ON jobs (run_at) WHERE state = 'waiting';
CREATE TABLE development_mails (
    id BLOB NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    text_body TEXT NOT NULL,
    html_body TEXT NOT NULL,
    links TEXT NOT NULL,
    code TEXT,
    sent_at INTEGER NOT NULL
);
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
CREATE TABLE throttles (
    bucket_hash BLOB NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL,
    window_ends_at INTEGER NOT NULL
);
