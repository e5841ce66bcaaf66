CREATE TABLE payments_of_invoices (
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
INSERT INTO payments_of_invoices
SELECT organization_id, id, invoice_id, order_id, provider, method, method_token,
    amount + prepaid_promotional + prepaid_paid, currency, state, provider_reference, failure_code, created_by,
    created_at, updated_at, settled_at
FROM payments WHERE invoice_id IS NOT NULL AND created_by IS NOT NULL;
DROP TABLE payments;
DROP TABLE top_ups;
ALTER TABLE payments_of_invoices RENAME TO payments;
CREATE UNIQUE INDEX payments_organization_id_invoice_id_key ON payments (organization_id, invoice_id)
    WHERE state IN ('created', 'processing', 'requires_action', 'succeeded');
