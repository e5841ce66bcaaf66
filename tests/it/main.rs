//! Black-box tests over HTTP, one file a resource.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod absorptions;
mod audit_log;
mod bad_input;
mod coverage;
mod invitations;
mod memberships;
mod migrations;
mod orders;
mod organizations;
mod permissions;
mod registrations;
mod sessions;
