-- Payments of invoices and of top-ups, in part from the prepaid account (BIL-5, PRE-2).
CREATE TABLE top_ups (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    state text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text COLLATE "C" NOT NULL,
    -- Made by the automatic top-up (PRE-6).
    automatic boolean NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    -- When its outcome became known.
    settled_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id, id)
);
ALTER TABLE payments
    ALTER COLUMN invoice_id DROP NOT NULL,
    ALTER COLUMN created_by DROP NOT NULL,
    ADD COLUMN top_up_id uuid,
    ADD COLUMN prepaid_promotional bigint NOT NULL DEFAULT 0 CHECK (prepaid_promotional >= 0),
    ADD COLUMN prepaid_paid bigint NOT NULL DEFAULT 0 CHECK (prepaid_paid >= 0),
    -- What the customer has to do, where it waits for them.
    ADD COLUMN action text COLLATE "C",
    -- What came in by it and went to the prepaid account or to suspense instead.
    ADD COLUMN booked_elsewhere bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT payments_amount_check,
    -- What the method is asked for; zero where the prepaid account pays all.
    ADD CONSTRAINT payments_amount_check CHECK (amount >= 0 AND amount + prepaid_promotional + prepaid_paid > 0),
    ADD CONSTRAINT payments_purpose_check CHECK ((invoice_id IS NULL) <> (top_up_id IS NULL)),
    ADD FOREIGN KEY (organization_id, top_up_id) REFERENCES top_ups (organization_id, id);
ALTER TABLE payments
    ALTER COLUMN prepaid_promotional DROP DEFAULT,
    ALTER COLUMN prepaid_paid DROP DEFAULT,
    ALTER COLUMN booked_elsewhere DROP DEFAULT;
CREATE UNIQUE INDEX payments_organization_id_top_up_id_key ON payments (organization_id, top_up_id);
CREATE INDEX top_ups_pending ON top_ups (organization_id) WHERE state = 'pending';
