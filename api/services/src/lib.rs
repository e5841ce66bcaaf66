//! Use cases: one function each. A use case owns its transaction, decides the order of things, and enqueues mail and jobs.

pub mod absorptions;
pub mod access;
pub mod account_deletion;
pub mod anonymous_carts;
pub mod audit_log;
pub mod avatars;
pub mod books;
pub mod calls;
pub mod carts;
pub mod catalogue;
pub mod clock;
pub mod credentials;
pub mod credit_notes;
pub mod database;
pub mod devices;
pub mod discounts;
pub mod documents;
pub mod errors;
pub mod expiry;
pub mod failpoints;
pub mod free_offers;
pub mod housekeeping;
pub mod idempotency;
pub mod invitations;
pub mod invoices;
pub mod jobs;
pub(crate) mod ledger;
pub mod login_id_changes;
pub mod mails;
pub mod memberships;
pub mod orders;
pub mod organizations;
pub mod passwords;
pub mod payments;
pub mod prepaid_accounts;
mod product_names;
pub mod products;
pub mod profiles;
pub mod promo_codes;
pub mod promotional_credits;
pub mod quotes;
pub mod recovery_emails;
pub mod redemptions;
pub mod refunds;
pub mod registrations;
pub mod security_log;
pub mod seeding;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod staff;
pub mod staff_organizations;
pub mod throttles;
pub mod top_ups;
pub mod vat_numbers;
pub mod vault;
mod versions;
pub mod workers;

use std::sync::Arc;

use manager_domain::ids::IdGenerator;
use manager_domain::{Clock, Id, Instant};
use manager_repository::Database;

pub use calls::Call;
pub use errors::{Error, Result};
pub use settings::Settings;
pub use vault::Vault;

/// What every use case works with; clones share it.
#[derive(Clone)]
pub struct Services {
    pub db: Database,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub vault: Arc<Vault>,
    pub keys: signing_keys::KeyRing,
    pub passwords: passwords::Hasher,
    pub settings: Arc<Settings>,
    /// Tells whose VAT numbers are.
    pub vat_verifier: Arc<dyn vat_numbers::Verifier>,
    /// The seller's account at Stripe, where there is one.
    pub stripe: Option<Arc<payments::stripe::StripeAccount>>,
    /// Parsed catalogue versions of this process.
    pub catalogue: catalogue::Cache,
}

impl Services {
    /// A fresh id whose sort order follows `now`.
    pub fn id<K>(&self, now: Instant) -> Id<K> {
        self.ids.next(now)
    }
}
