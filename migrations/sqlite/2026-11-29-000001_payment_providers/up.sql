-- What payment providers tell by themselves (BIL-6, BIL-7). A directory: their events name payments, not organizations.
CREATE TABLE payment_events (
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Whose payment it is about, where that is known.
    organization_id BLOB,
    payment_id BLOB,
    -- Whether it had its effect; a known event that hadn't can still have it.
    applied INTEGER NOT NULL,
    -- As it came, encrypted.
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX payment_events_received_at ON payment_events (received_at);
-- Whose payment it is that a provider knows by its own name. A directory.
CREATE TABLE payment_references (
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    organization_id BLOB NOT NULL,
    payment_id BLOB NOT NULL,
    PRIMARY KEY (provider, reference)
);
INSERT INTO payment_references
SELECT provider, provider_reference, organization_id, id FROM payments WHERE provider_reference IS NOT NULL;
-- Payments that their payers had taken back. A tenant table.
CREATE TABLE disputes (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    provider TEXT NOT NULL,
    -- The provider's name for it.
    reference TEXT NOT NULL,
    payment_id BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    currency TEXT NOT NULL,
    -- What the prepaid account made good, and what was owed after that.
    prepaid_promotional INTEGER NOT NULL CHECK (prepaid_promotional >= 0),
    prepaid_paid INTEGER NOT NULL CHECK (prepaid_paid >= 0),
    receivable INTEGER NOT NULL CHECK (receivable >= 0),
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT disputes_organization_id_provider_reference_key UNIQUE (organization_id, provider, reference),
    FOREIGN KEY (organization_id, payment_id) REFERENCES payments (organization_id, id)
);
-- What customers decided on the sandbox's page, which keeps no more than that. A directory.
CREATE TABLE sandbox_payments (
    payment_id BLOB NOT NULL PRIMARY KEY,
    organization_id BLOB NOT NULL,
    decision TEXT NOT NULL,
    decided_at INTEGER NOT NULL
);
