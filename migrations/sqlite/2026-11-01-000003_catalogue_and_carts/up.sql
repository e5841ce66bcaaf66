-- What is sold (global), and what visitors (directory) and organizations (tenant) are about to buy.
CREATE TABLE catalogue_versions (
    id BLOB NOT NULL PRIMARY KEY,
    valid_from TEXT NOT NULL,
    document TEXT NOT NULL,
    etag TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX catalogue_versions_valid_from ON catalogue_versions (valid_from);
CREATE TABLE anonymous_carts (
    id BLOB NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    currency TEXT NOT NULL,
    country TEXT NOT NULL,
    customer_kind TEXT NOT NULL,
    content TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE TABLE carts (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ordered')),
    content TEXT NOT NULL,
    created_by BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE TABLE quotes (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    token_hash BLOB NOT NULL,
    cart_id BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    lines TEXT NOT NULL,
    day TEXT NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT quotes_organization_id_token_hash_key UNIQUE (organization_id, token_hash)
);
