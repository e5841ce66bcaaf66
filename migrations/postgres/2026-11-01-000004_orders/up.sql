-- Orders, the products they bring to life, their invoices and payments. Tenant tables.
CREATE TABLE orders (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    cart_id uuid NOT NULL,
    state text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    net bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL CHECK (total >= 0),
    payment_method text COLLATE "C" NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,
    paid_at timestamptz,
    closed_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT orders_organization_id_cart_id_key UNIQUE (organization_id, cart_id)
);
CREATE INDEX orders_lapses_at ON orders (lapses_at) WHERE state = 'open';
CREATE TABLE products (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    category text COLLATE "C" NOT NULL,
    product_type text COLLATE "C" NOT NULL,
    offer text COLLATE "C" NOT NULL,
    frequency text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    search_key text COLLATE "C" NOT NULL,
    options text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    unit_price bigint NOT NULL,
    anchor_day integer,
    term_start date,
    term_end date,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    activated_at timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, order_id) REFERENCES orders (organization_id, id)
);
CREATE INDEX products_order_id ON products (organization_id, order_id);
CREATE INDEX products_product_type ON products (organization_id, product_type, id);
CREATE INDEX products_category ON products (organization_id, category, id);
CREATE TABLE invoices (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    order_id uuid,
    state text COLLATE "C" NOT NULL,
    number text COLLATE "C",
    issued_on date,
    currency text COLLATE "C" NOT NULL,
    net bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL,
    taxes text COLLATE "C" NOT NULL,
    seller text COLLATE "C" NOT NULL,
    buyer text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    paid_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT invoices_organization_id_number_key UNIQUE (organization_id, number),
    CONSTRAINT invoices_organization_id_order_id_key UNIQUE (organization_id, order_id)
);
CREATE TABLE invoice_lines (
    organization_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    position integer NOT NULL,
    product_id uuid,
    offer text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    frequency text COLLATE "C",
    quantity integer NOT NULL,
    unit_price bigint NOT NULL,
    discount bigint NOT NULL,
    net bigint NOT NULL,
    tax_rate text COLLATE "C" NOT NULL,
    period_start date,
    period_end date,
    PRIMARY KEY (organization_id, invoice_id, position),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
-- BIL-1: gapless numbers per organization and year.
CREATE TABLE invoice_series (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    year integer NOT NULL,
    last_number bigint NOT NULL,
    PRIMARY KEY (organization_id, year)
);
CREATE TABLE payments (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    order_id uuid,
    provider text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    method_token text COLLATE "C" NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    provider_reference text COLLATE "C",
    failure_code text COLLATE "C",
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
-- One payment of an invoice is under way or has succeeded; another can begin only after it failed.
CREATE UNIQUE INDEX payments_organization_id_invoice_id_key ON payments (organization_id, invoice_id)
    WHERE state IN ('created', 'processing', 'requires_action', 'succeeded');
