pub mod bank_statements;
pub mod payouts;
