//! One file a resource.

pub mod absorptions;
pub mod account_deletion;
pub mod anonymous_carts;
pub mod audit_log;
pub mod avatars;
pub mod books;
pub mod carts;
pub mod catalogue;
pub mod credentials;
pub mod documents;
pub mod invitations;
pub mod invoices;
pub mod login_id_changes;
pub mod memberships;
pub mod orders;
pub mod organizations;
pub mod payments;
pub mod products;
pub mod profiles;
pub mod quotes;
pub mod recovery_emails;
pub mod registrations;
pub mod security_log;
pub mod sessions;
pub mod settings;
