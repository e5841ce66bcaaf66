pub mod bank_statements;
pub mod payments;
pub mod payouts;
