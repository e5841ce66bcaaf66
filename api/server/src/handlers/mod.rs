//! One file a resource.

pub mod audit_log;
pub mod invitations;
pub mod memberships;
pub mod organizations;
pub mod profile;
pub mod registrations;
pub mod sessions;
pub mod settings;
