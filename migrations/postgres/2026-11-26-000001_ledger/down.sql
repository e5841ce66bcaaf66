DROP TABLE ledger_entries;
DROP TABLE ledger_transfers;
DROP TABLE ledger_balances;
