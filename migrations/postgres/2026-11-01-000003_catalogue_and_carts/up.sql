-- What is sold (global), and what visitors (directory) and organizations (tenant) are about to buy.
CREATE TABLE catalogue_versions (
    id uuid NOT NULL PRIMARY KEY,
    valid_from date NOT NULL,
    document text COLLATE "C" NOT NULL,
    etag text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX catalogue_versions_valid_from ON catalogue_versions (valid_from);
CREATE TABLE anonymous_carts (
    id uuid NOT NULL PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE,
    currency text COLLATE "C" NOT NULL,
    country text COLLATE "C" NOT NULL,
    customer_kind text COLLATE "C" NOT NULL,
    content text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE carts (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'ordered')),
    content text COLLATE "C" NOT NULL,
    created_by uuid NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE TABLE quotes (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    cart_id uuid NOT NULL,
    content_hash bytea NOT NULL,
    lines text COLLATE "C" NOT NULL,
    day date NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT quotes_organization_id_token_hash_key UNIQUE (organization_id, token_hash)
);
