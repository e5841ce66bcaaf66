-- People: accounts, their sessions, and what proves who they are. Global tables.
CREATE TABLE accounts (
    id BLOB NOT NULL PRIMARY KEY,
    login_id TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    display_name TEXT,
    locale TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    password_hash TEXT,
    password_version INTEGER NOT NULL,
    recovery_email TEXT,
    recovery_key TEXT,
    default_organization_id BLOB,
    ui_settings TEXT NOT NULL,
    avatar_etag TEXT,
    staff_role TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
);
CREATE INDEX accounts_recovery_key ON accounts (recovery_key);
-- One row an address: in use, or kept for its old holder while an undo is possible (ACC-5).
CREATE TABLE login_addresses (
    address_key TEXT NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('current', 'reserved')),
    reserved_until INTEGER
);
CREATE INDEX login_addresses_account_id ON login_addresses (account_id);
CREATE TABLE registrations (
    id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    details TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    code_hash BLOB NOT NULL,
    code_expires_at INTEGER NOT NULL,
    code_tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER
);
CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    mode TEXT NOT NULL CHECK (mode IN ('bearer', 'cookie')),
    secret_hash BLOB NOT NULL UNIQUE,
    previous_hash BLOB,
    successor BLOB,
    successor_until INTEGER,
    device TEXT NOT NULL,
    ip TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX sessions_account_id ON sessions (account_id);
-- Secrets that were rotated away; meeting one again means that somebody copied it.
CREATE TABLE spent_refresh_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    spent_at INTEGER NOT NULL
);
CREATE TABLE login_id_changes (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    session_id BLOB NOT NULL,
    state TEXT NOT NULL,
    old_login_id TEXT NOT NULL,
    old_login_key TEXT NOT NULL,
    new_login_id TEXT NOT NULL,
    new_login_key TEXT NOT NULL,
    old_password_hash TEXT NOT NULL,
    old_recovery_email TEXT,
    old_recovery_key TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    undo_until INTEGER
);
CREATE INDEX login_id_changes_account_id ON login_id_changes (account_id);
CREATE UNIQUE INDEX login_id_changes_account_id_key ON login_id_changes (account_id) WHERE state = 'pending';
-- Directory: a secret that was mailed, and what it is for.
CREATE TABLE one_time_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    account_id BLOB,
    organization_id BLOB,
    subject BLOB,
    details TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE INDEX one_time_tokens_account_id ON one_time_tokens (account_id);
CREATE INDEX one_time_tokens_subject ON one_time_tokens (subject);
CREATE TABLE security_log (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    session_id BLOB,
    ip TEXT NOT NULL,
    device TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX security_log_account_id ON security_log (account_id, id);
CREATE TABLE avatars (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES accounts (id),
    content_type TEXT NOT NULL,
    image BLOB NOT NULL,
    etag TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);
-- Keys that sign access tokens; the private half is encrypted under the root key.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    public_key BLOB NOT NULL,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
CREATE TABLE service_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);
