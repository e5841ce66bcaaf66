-- Payments of invoices and of top-ups, in part from the prepaid account (BIL-5, PRE-2). SQLite changes constraints by
-- making the table anew.
CREATE TABLE payments_in_parts (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    invoice_id BLOB,
    top_up_id BLOB,
    order_id BLOB,
    provider TEXT NOT NULL,
    method TEXT NOT NULL,
    method_token TEXT NOT NULL,
    -- What the method is asked for; zero where the prepaid account pays all.
    amount INTEGER NOT NULL CHECK (amount >= 0),
    prepaid_promotional INTEGER NOT NULL CHECK (prepaid_promotional >= 0),
    prepaid_paid INTEGER NOT NULL CHECK (prepaid_paid >= 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    provider_reference TEXT,
    failure_code TEXT,
    -- What the customer has to do, where it waits for them.
    action TEXT,
    -- What came in by it and went to the prepaid account or to suspense instead.
    booked_elsewhere INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (organization_id, id),
    CHECK (amount + prepaid_promotional + prepaid_paid > 0),
    CHECK ((invoice_id IS NULL) <> (top_up_id IS NULL)),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id),
    FOREIGN KEY (organization_id, top_up_id) REFERENCES top_ups (organization_id, id)
);
CREATE TABLE top_ups (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    state TEXT NOT NULL,
    method TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    -- Made by the automatic top-up (PRE-6).
    automatic INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    -- When its outcome became known.
    settled_at INTEGER,
    version INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);
INSERT INTO payments_in_parts
SELECT organization_id, id, invoice_id, NULL, order_id, provider, method, method_token, amount, 0, 0, currency, state,
    provider_reference, failure_code, NULL, 0, created_by, created_at, updated_at, settled_at
FROM payments;
DROP TABLE payments;
ALTER TABLE payments_in_parts RENAME TO payments;
-- One payment of an invoice is under way or has succeeded; another can begin only after it failed.
CREATE UNIQUE INDEX payments_organization_id_invoice_id_key ON payments (organization_id, invoice_id)
    WHERE state IN ('created', 'processing', 'requires_action', 'succeeded');
CREATE UNIQUE INDEX payments_organization_id_top_up_id_key ON payments (organization_id, top_up_id);
CREATE INDEX payments_order_id ON payments (organization_id, order_id);
CREATE INDEX top_ups_pending ON top_ups (organization_id) WHERE state = 'pending';
