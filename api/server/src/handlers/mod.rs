//! One file a resource.

pub mod absorptions;
pub mod account_deletion;
pub mod audit_log;
pub mod avatars;
pub mod credentials;
pub mod invitations;
pub mod login_id_changes;
pub mod memberships;
pub mod organizations;
pub mod profile;
pub mod recovery_emails;
pub mod registrations;
pub mod security_log;
pub mod sessions;
pub mod settings;
