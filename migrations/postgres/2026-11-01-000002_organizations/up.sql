-- Organizations, who belongs to them with which rights, and their audit log. Tenant tables but for two directories.
CREATE TABLE organization_numbers (
    number text COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id uuid NOT NULL
);
CREATE TABLE organizations (
    id uuid NOT NULL PRIMARY KEY,
    number text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    billing_address text COLLATE "C",
    country text COLLATE "C" NOT NULL,
    vat_number text COLLATE "C",
    vat_verified_at timestamptz,
    website text COLLATE "C",
    phone text COLLATE "C",
    locale text COLLATE "C" NOT NULL,
    time_zone text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    currency_fixed boolean NOT NULL,
    is_test boolean NOT NULL,
    owner_count integer NOT NULL CHECK (owner_count >= 0),
    audit_sequence bigint NOT NULL,
    audit_head bytea NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
CREATE TABLE memberships (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    role text COLLATE "C" NOT NULL,
    products text COLLATE "C" NOT NULL,
    billing boolean NOT NULL,
    expires_at timestamptz,
    reminded_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT memberships_organization_id_account_id_key UNIQUE (organization_id, account_id)
);
CREATE INDEX memberships_account_id ON memberships (account_id);
CREATE TABLE invitations (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    email text COLLATE "C" NOT NULL,
    email_key text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    products text COLLATE "C" NOT NULL,
    billing boolean NOT NULL,
    access_expires_at timestamptz,
    locale text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    invited_by uuid NOT NULL,
    replaces_account_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX invitations_organization_id_email_key_key ON invitations (organization_id, email_key) WHERE state = 'pending';
CREATE INDEX invitations_email_key ON invitations (email_key);
-- MEM-7: an old account moves its memberships to a new one. Of the account, so global.
CREATE TABLE absorptions (
    id uuid NOT NULL PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    target_email text COLLATE "C" NOT NULL,
    target_key text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    password_version integer NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX absorptions_account_id_key ON absorptions (account_id) WHERE state = 'running';
CREATE TABLE absorption_steps (
    absorption_id uuid NOT NULL REFERENCES absorptions (id),
    organization_id uuid NOT NULL,
    -- As the organization was called when the absorption was asked for: later names are not the old account's business.
    name text COLLATE "C" NOT NULL,
    invitation_id uuid,
    state text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (absorption_id, organization_id)
);
CREATE INDEX absorption_steps_organization_id ON absorption_steps (organization_id);
CREATE TABLE audit_log (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_kind text COLLATE "C" NOT NULL,
    account_id uuid,
    session_id uuid,
    action text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    before text COLLATE "C",
    after text COLLATE "C",
    reason text COLLATE "C",
    personal_hash bytea,
    mac bytea NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);
-- Personal text of an entry, apart so that it can be erased while the chain goes on proving the rest.
CREATE TABLE audit_personal (
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL,
    salt bytea NOT NULL,
    content text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, sequence),
    FOREIGN KEY (organization_id, sequence) REFERENCES audit_log (organization_id, sequence)
);
