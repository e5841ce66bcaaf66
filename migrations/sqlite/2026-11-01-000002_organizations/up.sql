-- Organizations, who belongs to them with which rights, and their audit log. Tenant tables but for two directories.
CREATE TABLE organization_numbers (
    number TEXT NOT NULL PRIMARY KEY,
    organization_id BLOB NOT NULL
);
CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY,
    number TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    billing_address TEXT,
    country TEXT NOT NULL,
    vat_number TEXT,
    vat_verified_at INTEGER,
    website TEXT,
    phone TEXT,
    locale TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    currency TEXT NOT NULL,
    currency_fixed BOOLEAN NOT NULL,
    is_test BOOLEAN NOT NULL,
    owner_count INTEGER NOT NULL CHECK (owner_count >= 0),
    audit_sequence INTEGER NOT NULL,
    audit_head BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
);
CREATE TABLE memberships (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    role TEXT NOT NULL,
    products TEXT NOT NULL,
    billing BOOLEAN NOT NULL,
    expires_at INTEGER,
    reminded_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT memberships_organization_id_account_id_key UNIQUE (organization_id, account_id)
);
CREATE INDEX memberships_account_id ON memberships (account_id);
CREATE TABLE invitations (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    role TEXT NOT NULL,
    products TEXT NOT NULL,
    billing BOOLEAN NOT NULL,
    access_expires_at INTEGER,
    locale TEXT NOT NULL,
    state TEXT NOT NULL,
    invited_by BLOB NOT NULL,
    replaces_account_id BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    closed_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX invitations_organization_id_email_key_key ON invitations (organization_id, email_key) WHERE state = 'pending';
CREATE INDEX invitations_email_key ON invitations (email_key);
-- MEM-7: an old account moves its memberships to a new one. Of the account, so global.
CREATE TABLE absorptions (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    target_email TEXT NOT NULL,
    target_key TEXT NOT NULL,
    state TEXT NOT NULL,
    password_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE UNIQUE INDEX absorptions_account_id_key ON absorptions (account_id) WHERE state = 'running';
CREATE TABLE absorption_steps (
    absorption_id BLOB NOT NULL REFERENCES absorptions (id),
    organization_id BLOB NOT NULL,
    -- As the organization was called when the absorption was asked for: later names are not the old account's business.
    name TEXT NOT NULL,
    invitation_id BLOB,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (absorption_id, organization_id)
);
CREATE INDEX absorption_steps_organization_id ON absorption_steps (organization_id);
CREATE TABLE audit_log (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    account_id BLOB,
    session_id BLOB,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT,
    reason TEXT,
    personal_hash BLOB,
    mac BLOB NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);
-- Personal text of an entry, apart so that it can be erased while the chain goes on proving the rest.
CREATE TABLE audit_personal (
    organization_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    salt BLOB NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (organization_id, sequence),
    FOREIGN KEY (organization_id, sequence) REFERENCES audit_log (organization_id, sequence)
);
