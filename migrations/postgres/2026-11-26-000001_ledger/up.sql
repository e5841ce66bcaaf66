-- The double-entry ledger (PRE-1). Tenant tables; balances are stored for the accounts of an organization alone.
CREATE TABLE ledger_balances (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    balance bigint NOT NULL CHECK (balance >= 0),
    PRIMARY KEY (organization_id, account, currency)
);
CREATE TABLE ledger_transfers (
    -- Money of unknown payers is the house's, which has the nil id (BIL-7).
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    sequence bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    -- What it is about, an id with its prefix; each event of it is booked once.
    about text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    prepaid_change bigint NOT NULL,
    prepaid_balance bigint NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT ledger_transfers_organization_id_sequence_key UNIQUE (organization_id, sequence),
    CONSTRAINT ledger_transfers_organization_id_about_kind_key UNIQUE (organization_id, about, kind)
);
CREATE TABLE ledger_entries (
    organization_id uuid NOT NULL,
    transfer_id uuid NOT NULL,
    position integer NOT NULL,
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    -- Minor units, credits positive.
    amount bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (organization_id, transfer_id, position),
    FOREIGN KEY (organization_id, transfer_id) REFERENCES ledger_transfers (organization_id, id)
);
