//! One file a resource.

pub mod anonymous_carts;
pub mod audit_log;
pub mod carts;
pub mod catalogue;
pub mod invitations;
pub mod invoices;
pub mod memberships;
pub mod orders;
pub mod organizations;
pub mod payments;
pub mod products;
pub mod profile;
pub mod registrations;
pub mod sessions;
pub mod settings;
