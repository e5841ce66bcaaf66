-- The double-entry ledger (PRE-1). Tenant tables; balances are stored for the accounts of an organization alone.
CREATE TABLE ledger_balances (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    balance INTEGER NOT NULL CHECK (balance >= 0),
    PRIMARY KEY (organization_id, account, currency)
);
CREATE TABLE ledger_transfers (
    -- Money of unknown payers is the house's, which has the nil id (BIL-7).
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- What it is about, an id with its prefix; each event of it is booked once.
    about TEXT NOT NULL,
    currency TEXT NOT NULL,
    prepaid_change INTEGER NOT NULL,
    prepaid_balance INTEGER NOT NULL,
    created_by BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT ledger_transfers_organization_id_sequence_key UNIQUE (organization_id, sequence),
    CONSTRAINT ledger_transfers_organization_id_about_kind_key UNIQUE (organization_id, about, kind)
);
CREATE TABLE ledger_entries (
    organization_id BLOB NOT NULL,
    transfer_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    -- Minor units, credits positive.
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (organization_id, transfer_id, position),
    FOREIGN KEY (organization_id, transfer_id) REFERENCES ledger_transfers (organization_id, id)
);
