-- Promo codes (ORD-3): global, as a code is good for many organizations.
CREATE TABLE promo_codes (
    id BLOB NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    -- Of codes that were made together.
    batch_id BLOB,
    discount TEXT NOT NULL,
    scope TEXT NOT NULL,
    terms INTEGER NOT NULL CHECK (terms > 0),
    valid_from INTEGER,
    valid_until INTEGER,
    total_cap INTEGER CHECK (total_cap > 0),
    organization_cap INTEGER CHECK (organization_cap > 0),
    first_order_only BOOLEAN NOT NULL,
    minimum_net TEXT NOT NULL,
    is_test BOOLEAN NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    withdrawn_by BLOB,
    withdrawn_at INTEGER,
    CONSTRAINT promo_codes_code_key UNIQUE (code)
);
CREATE INDEX promo_codes_batch_id ON promo_codes (batch_id, id) WHERE batch_id IS NOT NULL;
-- Reserved and redeemed by all, for codes with a total cap alone (ORD-4).
CREATE TABLE promo_code_usage (
    code TEXT NOT NULL PRIMARY KEY REFERENCES promo_codes (code),
    used INTEGER NOT NULL CHECK (used >= 0)
);
-- Reserved and redeemed by an organization, for codes with a cap for each.
CREATE TABLE promo_code_organization_usage (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    code TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (organization_id, code)
);
-- What an order reserves for an item: a promo code or a free offer.
CREATE TABLE redemptions (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    item_id BLOB NOT NULL,
    code TEXT,
    free_offer_id BLOB,
    state TEXT NOT NULL,
    -- Net, in minor units.
    amount INTEGER NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    terms INTEGER NOT NULL,
    reserved_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    redeemed_at INTEGER,
    released_at INTEGER,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT redemptions_organization_id_order_id_item_id_key UNIQUE (organization_id, order_id, item_id),
    FOREIGN KEY (organization_id, order_id) REFERENCES orders (organization_id, id),
    CHECK ((code IS NULL) <> (free_offer_id IS NULL))
);
CREATE INDEX redemptions_reserved_until ON redemptions (reserved_until) WHERE state = 'reserved';
-- Free offers that support grants to an organization (ORD-5).
CREATE TABLE free_offers (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    offer TEXT NOT NULL,
    frequency TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    terms INTEGER NOT NULL CHECK (terms > 0),
    units INTEGER NOT NULL CHECK (units > 0),
    is_test BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    -- The order that reserved or used it.
    order_id BLOB,
    granted_by BLOB NOT NULL,
    granted_at INTEGER NOT NULL,
    withdrawn_at INTEGER,
    PRIMARY KEY (organization_id, id)
);
