-- Background work and what protects requests: rows, so that any number of processes share them (TIM-4).
CREATE TABLE jobs (
    bucket integer NOT NULL,
    id uuid NOT NULL,
    organization_id uuid,
    kind text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    run_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    leased_until timestamptz,
    state text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'done', 'failed')),
    last_error text COLLATE "C",
    created_at timestamptz NOT NULL,
    done_at timestamptz,
    PRIMARY KEY (bucket, id)
);
CREATE INDEX jobs_waiting ON jobs (run_at) WHERE state = 'waiting';
CREATE TABLE development_mails (
    id uuid NOT NULL PRIMARY KEY,
    recipient text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    text_body text COLLATE "C" NOT NULL,
    html_body text COLLATE "C" NOT NULL,
    links text COLLATE "C" NOT NULL,
    code text COLLATE "C",
    sent_at timestamptz NOT NULL
);
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
CREATE TABLE throttles (
    bucket_hash bytea NOT NULL PRIMARY KEY,
    count integer NOT NULL,
    window_ends_at timestamptz NOT NULL
);
