//! Black-box tests over HTTP, one file a resource.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod absorptions;
mod account_deletion;
mod audit_log;
mod avatars;
mod bad_input;
mod carts;
mod coverage;
mod credentials;
mod equal_work;
mod idempotency;
mod invitations;
mod login_id_changes;
mod memberships;
mod migrations;
mod orders;
mod organizations;
mod permissions;
mod product_names;
mod profile;
mod recovery_emails;
mod registrations;
mod security_log;
mod seeding;
mod sessions;
