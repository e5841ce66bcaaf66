//! SQL only: the two engines, their connections, the schema, and one file of queries per noun.

pub mod absorptions;
pub mod access;
pub mod accounts;
pub mod audit_log;
pub mod avatars;
pub mod backups;
pub mod books;
pub mod carts;
pub mod catalogue;
pub mod connection;
pub mod credit_notes;
pub mod database;
pub mod development_mails;
pub mod disputes;
pub mod errors;
pub mod free_offers;
pub mod idempotency;
pub mod invitations;
pub mod invoices;
pub mod jobs;
pub mod ledger;
pub mod login_id_changes;
pub mod memberships;
pub mod migrations;
pub mod one_time_tokens;
pub mod orders;
pub mod organizations;
pub mod payment_events;
pub mod payment_references;
pub mod payments;
pub mod product_names;
pub mod products;
pub mod promo_codes;
pub mod promotional_credits;
pub mod quotes;
pub mod redemptions;
pub mod refunds;
pub mod registrations;
pub mod sandbox_payments;
pub mod schema;
pub mod security_log;
pub mod seeding;
pub mod service_tokens;
pub mod sessions;
pub mod signing_keys;
pub mod sql_types;
mod sqlite_renewal;
mod sqlite_writer;
pub mod tables;
pub mod throttles;
pub mod top_ups;

pub use connection::{AnyConnection, Engine, Location};
pub use database::Database;
pub use errors::{Carries, Error};
pub use sql_types::{Json, sql};

/// A part of a list of what is due.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// How many of the first rows are passed over.
    pub skip: i64,
    pub limit: i64,
}
