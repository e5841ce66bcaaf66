-- Credit notes (BIL-1), refunds (BIL-8) and promotional credits (PRE-1), with the second person of STF-1.
-- What credit notes took of an invoice, with its tax.
ALTER TABLE invoices ADD COLUMN credited INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0 AND credited <= total);
CREATE TABLE credit_note_series (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    year INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (organization_id, year)
);
CREATE TABLE credit_notes (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    number TEXT NOT NULL,
    issued_on TEXT NOT NULL,
    currency TEXT NOT NULL,
    net INTEGER NOT NULL CHECK (net > 0),
    tax INTEGER NOT NULL CHECK (tax >= 0),
    total INTEGER NOT NULL CHECK (total > 0),
    taxes TEXT NOT NULL,
    seller TEXT NOT NULL,
    buyer TEXT NOT NULL,
    -- What it gives back of what each paid.
    other INTEGER NOT NULL CHECK (other >= 0),
    prepaid_promotional INTEGER NOT NULL CHECK (prepaid_promotional >= 0),
    prepaid_paid INTEGER NOT NULL CHECK (prepaid_paid >= 0),
    created_by BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT credit_notes_organization_id_number_key UNIQUE (organization_id, number),
    CHECK (net + tax = total),
    CHECK (other + prepaid_promotional + prepaid_paid = total),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id)
);
CREATE INDEX credit_notes_invoice_id ON credit_notes (organization_id, invoice_id);
CREATE TABLE credit_note_lines (
    organization_id BLOB NOT NULL,
    credit_note_id BLOB NOT NULL,
    -- The line of the invoice.
    position INTEGER NOT NULL,
    net INTEGER NOT NULL CHECK (net > 0),
    PRIMARY KEY (organization_id, credit_note_id, position),
    FOREIGN KEY (organization_id, credit_note_id) REFERENCES credit_notes (organization_id, id)
);
CREATE TRIGGER credit_notes_no_update BEFORE UPDATE ON credit_notes BEGIN SELECT RAISE(ABORT, 'credit_notes only grows'); END;
CREATE TRIGGER credit_notes_no_delete BEFORE DELETE ON credit_notes BEGIN SELECT RAISE(ABORT, 'credit_notes only grows'); END;
CREATE TRIGGER credit_note_lines_no_update BEFORE UPDATE ON credit_note_lines BEGIN SELECT RAISE(ABORT, 'credit_note_lines only grows'); END;
CREATE TRIGGER credit_note_lines_no_delete BEFORE DELETE ON credit_note_lines BEGIN SELECT RAISE(ABORT, 'credit_note_lines only grows'); END;
CREATE TABLE refunds (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    invoice_id BLOB NOT NULL,
    destination TEXT NOT NULL,
    lines TEXT NOT NULL,
    -- With tax.
    amount INTEGER NOT NULL CHECK (amount > 0),
    -- What goes back by the other method, through this payment.
    other INTEGER NOT NULL CHECK (other >= 0 AND other <= amount),
    payment_id BLOB,
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    credit_note_id BLOB,
    provider_reference TEXT,
    failure_code TEXT,
    requested_by BLOB NOT NULL,
    requested_at INTEGER NOT NULL,
    decided_by BLOB,
    decided_at INTEGER,
    settled_at INTEGER,
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
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    id BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_by BLOB NOT NULL,
    requested_at INTEGER NOT NULL,
    decided_by BLOB,
    decided_at INTEGER,
    PRIMARY KEY (organization_id, id),
    CHECK (decided_by IS NULL OR decided_by <> requested_by OR state = 'rejected')
);
CREATE INDEX promotional_credits_requested ON promotional_credits (id) WHERE state = 'requested';
