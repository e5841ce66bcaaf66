-- Promo codes (ORD-3): global, as a code is good for many organizations.
CREATE TABLE promo_codes (
    id uuid NOT NULL PRIMARY KEY,
    code text COLLATE "C" NOT NULL,
    -- Of codes that were made together.
    batch_id uuid,
    discount text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    terms integer NOT NULL CHECK (terms > 0),
    valid_from timestamptz,
    valid_until timestamptz,
    total_cap integer CHECK (total_cap > 0),
    organization_cap integer CHECK (organization_cap > 0),
    first_order_only boolean NOT NULL,
    minimum_net text COLLATE "C" NOT NULL,
    is_test boolean NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    withdrawn_by uuid,
    withdrawn_at timestamptz,
    CONSTRAINT promo_codes_code_key UNIQUE (code)
);
CREATE INDEX promo_codes_batch_id ON promo_codes (batch_id, id) WHERE batch_id IS NOT NULL;
-- Reserved and redeemed by all, for codes with a total cap alone (ORD-4).
CREATE TABLE promo_code_usage (
    code text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES promo_codes (code),
    used integer NOT NULL CHECK (used >= 0)
);
-- Reserved and redeemed by an organization, for codes with a cap for each.
CREATE TABLE promo_code_organization_usage (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    code text COLLATE "C" NOT NULL,
    used integer NOT NULL CHECK (used >= 0),
    PRIMARY KEY (organization_id, code)
);
-- What an order reserves for an item: a promo code or a free offer.
CREATE TABLE redemptions (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    item_id uuid NOT NULL,
    code text COLLATE "C",
    free_offer_id uuid,
    state text COLLATE "C" NOT NULL,
    -- Net, in minor units.
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text COLLATE "C" NOT NULL,
    terms integer NOT NULL,
    reserved_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    redeemed_at timestamptz,
    released_at timestamptz,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT redemptions_organization_id_order_id_item_id_key UNIQUE (organization_id, order_id, item_id),
    FOREIGN KEY (organization_id, order_id) REFERENCES orders (organization_id, id),
    CHECK ((code IS NULL) <> (free_offer_id IS NULL))
);
CREATE INDEX redemptions_reserved_until ON redemptions (reserved_until) WHERE state = 'reserved';
-- Free offers that support grants to an organization (ORD-5).
CREATE TABLE free_offers (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    offer text COLLATE "C" NOT NULL,
    frequency text COLLATE "C" NOT NULL,
    expires_at timestamptz NOT NULL,
    terms integer NOT NULL CHECK (terms > 0),
    units integer NOT NULL CHECK (units > 0),
    is_test boolean NOT NULL,
    state text COLLATE "C" NOT NULL,
    -- The order that reserved or used it.
    order_id uuid,
    granted_by uuid NOT NULL,
    granted_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (organization_id, id)
);
