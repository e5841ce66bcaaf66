DROP TRIGGER ledger_entries_no_change ON ledger_entries;
DROP TRIGGER ledger_transfers_no_change ON ledger_transfers;
