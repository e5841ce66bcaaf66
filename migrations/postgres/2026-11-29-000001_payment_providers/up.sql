-- What payment providers tell by themselves (BIL-6, BIL-7). A directory: their events name payments, not organizations.
CREATE TABLE payment_events (
    provider text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    -- Whose payment it is about, where that is known.
    organization_id uuid,
    payment_id uuid,
    -- Whether it had its effect; a known event that hadn't can still have it.
    applied boolean NOT NULL,
    -- As it came, encrypted.
    body bytea NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX payment_events_received_at ON payment_events (received_at);
-- Whose payment it is that a provider knows by its own name. A directory.
CREATE TABLE payment_references (
    provider text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    organization_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    PRIMARY KEY (provider, reference)
);
INSERT INTO payment_references
SELECT provider, provider_reference, organization_id, id FROM payments WHERE provider_reference IS NOT NULL;
-- Payments that their payers had taken back. A tenant table.
CREATE TABLE disputes (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    provider text COLLATE "C" NOT NULL,
    -- The provider's name for it.
    reference text COLLATE "C" NOT NULL,
    payment_id uuid NOT NULL,
    state text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    currency text COLLATE "C" NOT NULL,
    -- What the prepaid account made good, and what was owed after that.
    prepaid_promotional bigint NOT NULL CHECK (prepaid_promotional >= 0),
    prepaid_paid bigint NOT NULL CHECK (prepaid_paid >= 0),
    receivable bigint NOT NULL CHECK (receivable >= 0),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT disputes_organization_id_provider_reference_key UNIQUE (organization_id, provider, reference),
    FOREIGN KEY (organization_id, payment_id) REFERENCES payments (organization_id, id)
);
-- What customers decided on the sandbox's page, which keeps no more than that. A directory.
CREATE TABLE sandbox_payments (
    payment_id uuid NOT NULL PRIMARY KEY,
    organization_id uuid NOT NULL,
    decision text COLLATE "C" NOT NULL,
    decided_at timestamptz NOT NULL
);
