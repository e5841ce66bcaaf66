-- Credit notes (BIL-1), refunds (BIL-8) and promotional credits (PRE-1), with the second person of STF-1.
-- What credit notes took of an invoice, with its tax.
ALTER TABLE invoices ADD COLUMN credited bigint NOT NULL DEFAULT 0 CHECK (credited >= 0 AND credited <= total);
CREATE TABLE credit_note_series (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    year integer NOT NULL,
    last_number bigint NOT NULL,
    PRIMARY KEY (organization_id, year)
);
CREATE TABLE credit_notes (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    number text COLLATE "C" NOT NULL,
    issued_on date NOT NULL,
    currency text COLLATE "C" NOT NULL,
    net bigint NOT NULL CHECK (net > 0),
    tax bigint NOT NULL CHECK (tax >= 0),
    total bigint NOT NULL CHECK (total > 0),
    taxes text COLLATE "C" NOT NULL,
    seller text COLLATE "C" NOT NULL,
    buyer text COLLATE "C" NOT NULL,
    -- What it gives back of what each paid.
    other bigint NOT NULL CHECK (other >= 0),
    prepaid_promotional bigint NOT NULL CHECK (prepaid_promotional >= 0),
    prepaid_paid bigint NOT NULL CHECK (prepaid_paid >= 0),
    created_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT credit_notes_organization_id_number_key UNIQUE (organization_id, number),
    CHECK (net + tax = total),
    CHECK (other + prepaid_promotional + prepaid_paid = total),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
CREATE INDEX credit_notes_invoice_id ON credit_notes (organization_id, invoice_id);
CREATE TABLE credit_note_lines (
    organization_id uuid NOT NULL,
    credit_note_id uuid NOT NULL,
    -- The line of the invoice.
    position integer NOT NULL,
    net bigint NOT NULL CHECK (net > 0),
    PRIMARY KEY (organization_id, credit_note_id, position),
    FOREIGN KEY (organization_id, credit_note_id) REFERENCES credit_notes (organization_id, id)
);
CREATE TRIGGER credit_notes_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_notes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_note_lines_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_note_lines FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TABLE refunds (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    destination text COLLATE "C" NOT NULL,
    lines text COLLATE "C" NOT NULL,
    -- With tax.
    amount bigint NOT NULL CHECK (amount > 0),
    -- What goes back by the other method, through this payment.
    other bigint NOT NULL CHECK (other >= 0 AND other <= amount),
    payment_id uuid,
    currency text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    credit_note_id uuid,
    provider_reference text COLLATE "C",
    failure_code text COLLATE "C",
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    settled_at timestamptz,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT refunds_organization_id_credit_note_id_key UNIQUE (organization_id, credit_note_id),
    CHECK (other = 0 OR payment_id IS NOT NULL),
    CHECK ((credit_note_id IS NULL) = (state IN ('requested', 'rejected'))),
    -- Nobody is their own second person; what one asked for one may take back.
    CHECK (decided_by IS NULL OR decided_by <> requested_by OR state = 'rejected'),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id),
    FOREIGN KEY (organization_id, credit_note_id) REFERENCES credit_notes (organization_id, id)
);
CREATE INDEX refunds_requested ON refunds (id) WHERE state = 'requested';
CREATE TABLE promotional_credits (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    requested_by uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    PRIMARY KEY (organization_id, id),
    CHECK (decided_by IS NULL OR decided_by <> requested_by OR state = 'rejected')
);
CREATE INDEX promotional_credits_requested ON promotional_credits (id) WHERE state = 'requested';
