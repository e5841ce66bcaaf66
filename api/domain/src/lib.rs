//! Values in, verdict out: the rules of the business, free of I/O, clocks and frameworks.
//!
//! Rule numbers such as `ACC-5` or `PRD-1` name the rules this code carries out.

pub mod absorptions;
pub mod accounts;
pub mod carts;
pub mod catalogue;
pub mod catalogue_checks;
pub mod credit_notes;
pub mod discounts;
pub mod disputes;
pub mod emails;
pub mod free_offers;
pub mod ibans;
pub mod ids;
pub mod invoices;
pub mod languages;
pub mod ledger;
pub mod memberships;
pub mod money;
pub mod one_time_tokens;
pub mod order_options;
pub mod orders;
mod organization_checks;
pub mod organizations;
pub mod passwords;
pub mod payment_methods;
pub mod payments;
pub mod permissions;
pub mod postings;
pub mod prepaid_accounts;
pub mod pricing;
pub mod products;
pub mod profiles;
pub mod promo_code_placements;
pub mod promo_codes;
pub mod promotional_credits;
pub mod qr_bills;
pub mod qr_references;
pub mod quotes;
pub mod redemptions;
pub mod refunds;
pub mod refusals;
pub mod search_keys;
pub mod staff;
pub mod taxes;
pub mod terms;
pub mod time;
pub mod time_zones;
pub mod top_ups;
pub mod vat_numbers;
pub mod withdrawals;
mod words;

pub use ids::Id;
pub use money::{Currency, Money};
pub use refusals::{Code, Fault, FaultCode, Refusal};
pub use time::{Clock, Instant};
