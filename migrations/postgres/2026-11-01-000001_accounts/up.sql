-- People: accounts, their sessions, and what proves who they are. Global tables.
CREATE TABLE accounts (
    id uuid NOT NULL PRIMARY KEY,
    login_id text COLLATE "C" NOT NULL,
    first_name text COLLATE "C" NOT NULL,
    last_name text COLLATE "C" NOT NULL,
    display_name text COLLATE "C",
    locale text COLLATE "C" NOT NULL,
    time_zone text COLLATE "C" NOT NULL,
    password_hash text COLLATE "C",
    password_version integer NOT NULL,
    recovery_email text COLLATE "C",
    recovery_key text COLLATE "C",
    default_organization_id uuid,
    ui_settings text COLLATE "C" NOT NULL,
    avatar_etag text COLLATE "C",
    staff_role text COLLATE "C",
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX accounts_recovery_key ON accounts (recovery_key);
-- One row an address: in use, or kept for its old holder while an undo is possible (ACC-5).
CREATE TABLE login_addresses (
    address_key text COLLATE "C" NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('current', 'reserved')),
    reserved_until timestamptz
);
CREATE INDEX login_addresses_account_id ON login_addresses (account_id);
CREATE TABLE registrations (
    id uuid NOT NULL PRIMARY KEY,
    email text COLLATE "C" NOT NULL,
    email_key text COLLATE "C" NOT NULL,
    details text COLLATE "C" NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    code_hash bytea NOT NULL,
    code_expires_at timestamptz NOT NULL,
    code_tries integer NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz
);
CREATE TABLE sessions (
    id uuid NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    mode text COLLATE "C" NOT NULL CHECK (mode IN ('bearer', 'cookie')),
    secret_hash bytea NOT NULL UNIQUE,
    previous_hash bytea,
    successor bytea,
    successor_until timestamptz,
    device text COLLATE "C" NOT NULL,
    ip text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    authenticated_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX sessions_account_id ON sessions (account_id);
-- Secrets that were rotated away; meeting one again means that somebody copied it.
CREATE TABLE spent_refresh_tokens (
    token_hash bytea NOT NULL PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    spent_at timestamptz NOT NULL
);
CREATE TABLE login_id_changes (
    id uuid NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    session_id uuid NOT NULL,
    state text COLLATE "C" NOT NULL,
    old_login_id text COLLATE "C" NOT NULL,
    old_login_key text COLLATE "C" NOT NULL,
    new_login_id text COLLATE "C" NOT NULL,
    new_login_key text COLLATE "C" NOT NULL,
    old_password_hash text COLLATE "C" NOT NULL,
    old_recovery_email text COLLATE "C",
    old_recovery_key text COLLATE "C",
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    undo_until timestamptz
);
CREATE INDEX login_id_changes_account_id ON login_id_changes (account_id);
CREATE UNIQUE INDEX login_id_changes_account_id_key ON login_id_changes (account_id) WHERE state = 'pending';
-- Directory: a secret that was mailed, and what it is for.
CREATE TABLE one_time_tokens (
    token_hash bytea NOT NULL PRIMARY KEY,
    purpose text COLLATE "C" NOT NULL,
    account_id uuid,
    organization_id uuid,
    subject uuid,
    details text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX one_time_tokens_account_id ON one_time_tokens (account_id);
CREATE INDEX one_time_tokens_subject ON one_time_tokens (subject);
CREATE TABLE security_log (
    id uuid NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    at timestamptz NOT NULL,
    action text COLLATE "C" NOT NULL,
    session_id uuid,
    ip text COLLATE "C" NOT NULL,
    device text COLLATE "C" NOT NULL,
    details text COLLATE "C" NOT NULL
);
CREATE INDEX security_log_account_id ON security_log (account_id, id);
CREATE TABLE avatars (
    account_id uuid NOT NULL PRIMARY KEY REFERENCES accounts (id),
    content_type text COLLATE "C" NOT NULL,
    image bytea NOT NULL,
    etag text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL
);
-- Keys that sign access tokens; the private half is encrypted under the root key.
CREATE TABLE signing_keys (
    kid text COLLATE "C" NOT NULL PRIMARY KEY,
    public_key bytea NOT NULL,
    private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE TABLE service_tokens (
    id uuid NOT NULL PRIMARY KEY,
    role text COLLATE "C" NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
