-- Orders, the products they bring to life, their invoices and payments. Tenant tables.
CREATE TABLE orders (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    cart_id BLOB NOT NULL,
    state TEXT NOT NULL,
    currency TEXT NOT NULL,
    net INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    total INTEGER NOT NULL CHECK (total >= 0),
    payment_method TEXT NOT NULL,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    lapses_at INTEGER NOT NULL,
    paid_at INTEGER,
    closed_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT orders_organization_id_cart_id_key UNIQUE (organization_id, cart_id)
);
CREATE INDEX orders_lapses_at ON orders (lapses_at) WHERE state = 'open';
CREATE TABLE products (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    order_id BLOB NOT NULL,
    category TEXT NOT NULL,
    product_type TEXT NOT NULL,
    offer TEXT NOT NULL,
    frequency TEXT NOT NULL,
    currency TEXT NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    unit_price INTEGER NOT NULL,
    anchor_day INTEGER,
    term_start TEXT,
    term_end TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    activated_at INTEGER,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, order_id) REFERENCES orders (organization_id, id)
);
CREATE INDEX products_order_id ON products (organization_id, order_id);
CREATE INDEX products_product_type ON products (organization_id, product_type, id);
CREATE INDEX products_category ON products (organization_id, category, id);
CREATE TABLE invoices (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    order_id BLOB,
    state TEXT NOT NULL,
    number TEXT,
    issued_on TEXT,
    currency TEXT NOT NULL,
    net INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    total INTEGER NOT NULL,
    taxes TEXT NOT NULL,
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    paid_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT invoices_organization_id_number_key UNIQUE (organization_id, number),
    CONSTRAINT invoices_organization_id_order_id_key UNIQUE (organization_id, order_id)
);
CREATE TABLE invoice_lines (
    organization_id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    product_id BLOB,
    offer TEXT NOT NULL,
    description TEXT NOT NULL,
    frequency TEXT,
    quantity INTEGER NOT NULL,
    unit_price INTEGER NOT NULL,
    discount INTEGER NOT NULL,
    net INTEGER NOT NULL,
    tax_rate TEXT NOT NULL,
    period_start TEXT,
    period_end TEXT,
    PRIMARY KEY (organization_id, invoice_id, position),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
-- BIL-1: gapless numbers per organization and year.
CREATE TABLE invoice_series (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    year INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (organization_id, year)
);
CREATE TABLE payments (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    order_id BLOB,
    provider TEXT NOT NULL,
    method TEXT NOT NULL,
    method_token TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    provider_reference TEXT,
    failure_code TEXT,
    created_by BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
-- One payment of an invoice is under way or has succeeded; another can begin only after it failed.
CREATE UNIQUE INDEX payments_organization_id_invoice_id_key ON payments (organization_id, invoice_id)
    WHERE state IN ('created', 'processing', 'requires_action', 'succeeded');
